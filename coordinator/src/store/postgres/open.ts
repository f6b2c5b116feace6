import { randomBytes } from 'node:crypto';
import { Kysely, PostgresDialect } from 'kysely';
import { WombatError, type Clock } from '@wombat/proto';
import { KyselyStore } from '../kysely/kysely-store.js';
import { migrate } from '../kysely/migrations.js';
import type { Schema } from '../kysely/tables.js';
import type { Store } from '../store.js';
import { describePostgres, type PostgresAddress } from './address.js';
import { orderTextsByBytes } from './byte-order.js';
import type { PostgresLogin } from './connection.js';
import { isAway, reasonOf, unavailable } from './errors.js';
import { ReadingPool } from './reading-pool.js';
import { PostgresWriter } from './writer.js';
import { WritingSession } from './writing-session.js';

export interface PostgresOptions {
  readonly address: PostgresAddress;
  /** @default undefined: the server asks for none */
  readonly password?: string | undefined;
  readonly clock: Clock;
  /** How long a statement may take. @default 30 s */
  readonly answerTimeoutMs?: number;
  /** How long a call waits for a database that is away. @default 5 s */
  readonly patienceMs?: number;
  /** The connection that writes is lost, and there again: told once each. @default nobody */
  readonly told?: { lost(error: unknown): void; regained(): void };
}

/**
 * Opens the store in a database of its own, and makes its tables where there are none.
 * @throws WombatError WO_STORE_UNAVAILABLE, WO_STORE_UNUSABLE, WO_STORE_NEWER; WO_IN_USE while another coordinator works with it
 */
export async function openPostgresStore({ address, password, clock, answerTimeoutMs, patienceMs = 5_000, told }: PostgresOptions): Promise<Store> {
  const login: PostgresLogin = { address, password, applicationName: `wombat ${randomBytes(6).toString('hex')}`, answerTimeoutMs };
  const writer = new PostgresWriter({
    clock,
    patienceMs,
    open: async (onLost) => {
      const session = await WritingSession.open(login, onLost);
      await migrate(session.database, clock.now(), orderTextsByBytes).catch((error: unknown) => {
        session.drop(error);
        throw error;
      });
      return session;
    },
    onLost: (error) => told?.lost(error),
    onRegained: () => told?.regained(),
  });
  try {
    await writer.start();
  } catch (error) {
    await writer.close();
    if (isAway(error)) throw unavailable(error);
    throw WombatError.is(error) ? error : new WombatError('WO_STORE_UNUSABLE', `the store ${describePostgres(address)} cannot be opened: ${reasonOf(error)}`, { cause: error });
  }
  const reader = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: new ReadingPool(login, patienceMs) }) });
  return new KyselyStore({ writer, reader, clock });
}
