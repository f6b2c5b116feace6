import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { WombatError } from '@wombat/proto';
import type { PostgresAddress } from './address.js';

export interface PostgresLogin {
  readonly address: PostgresAddress;
  /** Undefined: the server trusts the connection, or asks for none. */
  readonly password: string | undefined;
  /** How the server names the connection in its own views. */
  readonly applicationName: string;
  /** Without an answer for so long a connection is given up. @default 30 s */
  readonly answerTimeoutMs?: number | undefined;
}

const connectTimeoutMs = 5_000;
const idleBeforeProbeMs = 10_000;

export function clientOptions({ address, password, applicationName, answerTimeoutMs = 30_000 }: PostgresLogin): pg.ClientConfig {
  const { host, port, user, database, tls } = address;
  return {
    host, port, user, database,
    // A function, even for none: without it the variables of the environment and ~/.pgpass would be asked.
    password: () => password ?? '',
    ssl: tls === undefined ? false : tlsOptions(host, tls.authorityFile),
    application_name: applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: answerTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: idleBeforeProbeMs,
  };
}

/** The certificate must be that of the host, also where the host is an address. */
function tlsOptions(host: string, authorityFile: string | undefined): pg.ClientConfig['ssl'] {
  return { rejectUnauthorized: true, ...{ host }, ...(authorityFile === undefined ? {} : { ca: readAuthority(authorityFile) }) };
}

function readAuthority(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new WombatError('WO_STORE_UNUSABLE', `the authority of PostgreSQL, ${file}, cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
