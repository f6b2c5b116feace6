import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  readonly ca: string;
  readonly client: Pair;
  /** Of an authority that the engine does not know. */
  readonly stranger: Pair;
  /** Paths, for the engine. */
  readonly files: { readonly ca: string; readonly serverCert: string; readonly serverKey: string };
}

/** An authority, the engine's certificate for 127.0.0.1, and those of two clients. */
export async function makeCertificates(directory: string): Promise<Certificates> {
  const file = (name: string): string => join(directory, name);
  const make = async (name: string, subject: string, ...more: readonly string[]): Promise<void> =>
    void (await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${subject}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`), ...more]));
  const signed = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-addext', 'basicConstraints=critical,CA:FALSE'];
  await make('ca', 'authority');
  await make('server', 'engine', ...signed, '-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'extendedKeyUsage=serverAuth');
  await make('client', 'client', ...signed, '-addext', 'extendedKeyUsage=clientAuth');
  await make('stranger', 'stranger', '-addext', 'extendedKeyUsage=clientAuth');
  const pair = (name: string): Pair => ({ cert: readFileSync(file(`${name}.pem`), 'utf8'), key: readFileSync(file(`${name}.key`), 'utf8') });
  return { ca: pair('ca').cert, client: pair('client'), stranger: pair('stranger'), files: { ca: file('ca.pem'), serverCert: file('server.pem'), serverKey: file('server.key') } };
}
