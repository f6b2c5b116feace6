import { WombatError, type Clock } from '@wombat/proto';
import pg from 'pg';
import type { StorePlace, StoreTrouble } from '../place.js';
import { describePostgres, type PostgresAddress } from './address.js';
import { clientOptions } from './connection.js';
import { reasonOf } from './errors.js';
import { openPostgresStore } from './open.js';

export interface PostgresPlaceOptions {
  readonly address: PostgresAddress;
  /** Asked for at each opening. @throws WombatError WO_CONFIG_INVALID */
  readonly password: () => string | undefined;
  readonly clock: Clock;
  readonly told: { lost(error: unknown): void; regained(): void };
}

/** What a server must have on, or it loses in a power cut what it has acknowledged. */
const safeguards = ['fsync', 'full_page_writes'] as const;

export function postgresPlace({ address, password, clock, told }: PostgresPlaceOptions): StorePlace {
  const description = `PostgreSQL, ${describePostgres(address)}`;
  return {
    description,
    open: () => openPostgresStore({ address, password: password(), clock, told }),
    check: () => check(address, password()),
    copy: () => Promise.reject(new WombatError('WO_BACKUP_ELSEWHERE', `the store of this coordinator is in ${description}`)),
  };
}

async function check(address: PostgresAddress, password: string | undefined): Promise<StoreTrouble | undefined> {
  const client = new pg.Client(clientOptions({ address, password, applicationName: 'wombat doctor' }));
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ name: string }>("select name from pg_settings where name = any($1) and setting = 'off'", [safeguards]);
    if (rows.length === 0) return undefined;
    const off = rows.map(({ name }) => name).join(' and ');
    return { message: `the server has ${off} off, and loses in a power cut what it has acknowledged`, hint: `set ${off} to on in postgresql.conf`, code: 'WO_STORE_UNUSABLE' };
  } catch (error) {
    return { message: `${describePostgres(address)} cannot be used: ${reasonOf(error)}`, hint: 'see that PostgreSQL runs and lets the coordinator in', code: 'WO_STORE_UNAVAILABLE' };
  } finally {
    await client.end().catch(() => undefined);
  }
}
