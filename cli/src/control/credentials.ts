import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { WombatError } from '@wombat/proto';
import type { ResolvedContext, Sourced } from '../context/resolve.js';

/** What is needed to open a connection and be known at its other end. */
export interface Credentials {
  readonly address: string;
  readonly token: string;
  readonly caPem: Buffer;
  /** Name that the coordinator's certificate must bear. */
  readonly serverName: string;
}

/** Reads the files that a context names. @throws WombatError WO_NO_CONTEXT, WO_CONFIG_INVALID */
export async function loadCredentials(context: ResolvedContext): Promise<Credentials> {
  const address = wanted(context.address, 'address of the coordinator', context);
  const caFile = wanted(context.caFile, 'CA file', context);
  const tokenFile = wanted(context.tokenFile, 'token file', context);
  const caPem = await readNamed(caFile, 'CA file');
  const token = (await readNamed(tokenFile, 'token file')).toString('utf8').trim();
  if (!/^[\x21-\x7e]{1,4096}$/.test(token)) {
    throw new WombatError('WO_CONFIG_INVALID', `the token file ${tokenFile.value} (named by ${tokenFile.source}) holds no token`);
  }
  const clusterId = context.clusterId?.value ?? clusterIdOf(caPem, caFile.value);
  return { address: address.value, token, caPem, serverName: `coordinator.${clusterId}.wombat` };
}

/** The cluster id in the URI "wombat://<cluster-id>" of a CA certificate. */
export function clusterIdOf(caPem: Buffer, path: string): string {
  let names: string;
  try {
    names = new X509Certificate(caPem).subjectAltName ?? '';
  } catch {
    throw new WombatError('WO_CONFIG_INVALID', `${path} is no certificate in PEM`);
  }
  const match = /(?:^|, )URI:wombat:\/\/([a-z0-9-]{1,64})\/?(?:,|$)/.exec(names);
  if (!match) throw new WombatError('WO_CONFIG_INVALID', `the certificate in ${path} is not the authority of a Wombat cluster`);
  return match[1]!;
}

function wanted(value: Sourced | undefined, what: string, context: ResolvedContext): Sourced {
  if (value) return value;
  const where = context.name ? `the context ${JSON.stringify(context.name.value)} names no ${what}` : `no context is chosen, so there is no ${what}`;
  if (!context.name) {
    throw new WombatError('WO_NO_CONTEXT', where, {
      hint: 'start a coordinator here with `wo dev`, make one known with `wo context add NAME`, or choose one with `wo context use NAME`',
    });
  }
  throw new WombatError('WO_CONFIG_INVALID', where, { hint: 'complete it with `wo context add NAME --force`, or set WO_ADDR, WO_CA_FILE and WO_TOKEN_FILE' });
}

async function readNamed(file: Sourced, what: string): Promise<Buffer> {
  try {
    return await readFile(file.value);
  } catch (error) {
    throw new WombatError('WO_CONFIG_INVALID', `the ${what} ${file.value} (named by ${file.source}) cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}
