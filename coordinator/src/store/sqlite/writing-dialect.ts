import { CompiledQuery, SqliteDialect, SqliteDriver, type DatabaseConnection, type Driver, type QueryResult, type SqliteDatabase } from 'kysely';
import { WombatError, type Clock } from '@wombat/proto';
import { asStoreError, isBusy } from './store-errors.js';

export interface WritingOptions {
  readonly database: SqliteDatabase;
  /** Of the database. */
  readonly file: string;
  /** SQLite ends a transaction by itself when the disk is full. */
  readonly isInTransaction: () => boolean;
  readonly clock: Clock;
  /** From asking for a transaction to giving up on a store that another process holds locked. @default 5 s */
  readonly busyTimeoutMs?: number;
}

/** Between two looks at a store that is locked. */
const lookEveryMs = 50;

/** SQLite's dialect for the one connection that writes. */
export class WritingDialect extends SqliteDialect {
  constructor(private readonly options: WritingOptions) {
    super({ database: options.database });
  }

  override createDriver(): Driver {
    return new WritingDriver(this.options);
  }
}

/**
 * A transaction takes the lock before its work begins: whoever else holds it is waited for without holding up the event loop, and work
 * is never done twice or broken off in the middle for a lock.
 */
class WritingDriver extends SqliteDriver {
  readonly #options: WritingOptions;
  #connection: DatabaseConnection | undefined;
  #askedAtMs = 0;

  constructor(options: WritingOptions) {
    super({ database: options.database });
    this.#options = options;
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const askedAtMs = this.#options.clock.monotonic();
    const inner = await super.acquireConnection();
    // Those that stand in line behind a lock have waited as long as the first.
    this.#askedAtMs = askedAtMs;
    return (this.#connection ??= explained(inner, this.#options.file));
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    const { clock, busyTimeoutMs = 5_000 } = this.#options;
    for (;;) {
      try {
        await connection.executeQuery(CompiledQuery.raw('begin immediate'));
        return;
      } catch (error) {
        const isLocked = WombatError.is(error) && isBusy(error.cause);
        if (!isLocked || clock.monotonic() - this.#askedAtMs >= busyTimeoutMs) throw error;
      }
      await clock.sleep(lookEveryMs);
    }
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#options.isInTransaction()) await super.rollbackTransaction(connection);
  }
}

/** With errors as callers of the store know them. */
function explained(inner: DatabaseConnection, file: string): DatabaseConnection {
  return {
    executeQuery: async <R>(query: CompiledQuery): Promise<QueryResult<R>> => {
      try {
        return await inner.executeQuery<R>(query);
      } catch (error) {
        throw asStoreError(error, file);
      }
    },
    streamQuery: (query, chunkSize) => inner.streamQuery(query, chunkSize),
  };
}
