import { execFile } from 'node:child_process';
import { limits, WombatError } from '@wombat/proto';

/** Makes a PKCS#10 request in DER for a key in PEM. */
export type MakeCertificateRequest = (privateKeyPem: string) => Promise<Uint8Array>;

const timeoutMs = 20_000;

/**
 * Has the request made by another process, which answers base64: the library for it takes 15 MB
 * that would never be given back. The key goes through a pipe, never through argv or environment.
 */
export function requestByProcess([program, ...args]: readonly [string, ...string[]]): MakeCertificateRequest {
  return (privateKeyPem) => new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: timeoutMs, maxBuffer: 2 * limits.csrBytes, encoding: 'utf8' }, (error, stdout) => {
      // The error of execFile would quote the command and what it wrote.
      if (error) reject(new WombatError('WO_INTERNAL', 'the certificate request could not be made'));
      else resolve(Buffer.from(stdout, 'base64'));
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(privateKeyPem);
  });
}
