import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { Kysely, SqliteDialect, type SqliteDatabase } from 'kysely';
import { WombatError, type Clock } from '@wombat/proto';
import type { Store } from '../store.js';
import type { Database } from '../kysely/collection.js';
import { KyselyStore } from '../kysely/kysely-store.js';
import { migrate } from '../kysely/migrations.js';
import { checkParameters } from '../kysely/parameters.js';
import type { Schema } from '../kysely/tables.js';
import { Sqlite } from './driver.js';
import { OpenMark } from './open-mark.js';
import { StatementCache } from './statement-cache.js';
import { asStoreError } from './store-errors.js';
import { SqliteWriter } from './writer.js';
import { WritingDialect } from './writing-dialect.js';

export interface SqliteOptions {
  readonly file: string;
  readonly clock: Clock;
  /** How long a transaction waits for another process that holds the store locked. @default 5 s */
  readonly busyTimeoutMs?: number;
}

/**
 * Opens, and creates where there is none, the embedded store.
 * @throws WombatError WO_STORE_UNUSABLE, WO_STORE_NEWER, WO_STORE_FULL, WO_STORE_BUSY, WO_STORE_READ_ONLY
 */
export async function openSqliteStore(options: SqliteOptions): Promise<Store> {
  const mark = new OpenMark(options.file);
  mark.check();
  const connection = connect(options, false);
  const writer = new SqliteWriter(connection, mark);
  try {
    await migrate(connection, options.clock.now());
    mark.set();
    return new KyselyStore({ writer, reader: connect(options, true), clock: options.clock });
  } catch (error) {
    await writer.close();
    throw error;
  }
}

function connect({ file, ...writing }: SqliteOptions, readonly: boolean): Database {
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    makePrivate(file);
    const connection = new Sqlite(file, { readonly });
    connection.pragma('journal_mode = WAL');
    // An acknowledged write outlives a power cut.
    connection.pragma('synchronous = FULL');
    // Waiting blocks the event loop: a longer wait is the writing dialect's.
    connection.pragma('busy_timeout = 50');
    const database = checked(connection);
    const isInTransaction = (): boolean => connection.inTransaction;
    return new Kysely<Schema>({ dialect: readonly ? new SqliteDialect({ database }) : new WritingDialect({ database, file, isInTransaction, ...writing }) });
  } catch (error) {
    const known = asStoreError(error, file);
    if (WombatError.is(known)) throw known;
    const reason = error instanceof Error ? error.message : String(error);
    throw new WombatError('WO_STORE_UNUSABLE', `the store ${file} cannot be opened: ${reason}`, { cause: error });
  }
}

function checked(connection: BetterSqlite3.Database): SqliteDatabase {
  const statements = new StatementCache(connection);
  return {
    close: () => connection.close(),
    prepare: (text) => {
      const statement = statements.prepare(text);
      return {
        reader: statement.reader,
        all: (parameters) => (checkParameters(parameters), statement.all(parameters)),
        run: (parameters) => (checkParameters(parameters), statement.run(parameters)),
        // A statement that is being iterated is not free for others.
        iterate: (parameters) => (checkParameters(parameters), connection.prepare(text).iterate(parameters)),
      };
    },
  };
}

/** Outputs, environments and hashes of tokens are in it. What SQLite puts beside it gets the same mode. */
function makePrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
}
