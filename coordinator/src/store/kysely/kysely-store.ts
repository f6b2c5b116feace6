import { setImmediate } from 'node:timers/promises';
import type { Clock, WombatError } from '@wombat/proto';
import type { Event, NewEvent } from '../../domain/model/event.js';
import type { Change, Commit, Kind, Kinds, Reader, Store, Transaction } from '../store.js';
import { KyselyCollection, WritableKyselyCollection, type Database, type WriteHooks } from './collection.js';
import { dropEvents, KyselyEventLog, sequenceCounter, writeEvents } from './event-log.js';
import { KyselyRequestLog, WritableKyselyRequestLog } from './request-log.js';
import { Statements } from './statements.js';
import { kinds } from './tables.js';

/** Runs one transaction after another. */
export interface Writer {
  /**
   * `committed` is called when it is sure that the work is kept, and before the next transaction begins; in rare cases that is
   * after the promise was rejected, because nobody could tell what had become of the commit.
   */
  transaction<T>(work: (database: Database) => Promise<T>, committed: () => void): Promise<T>;
  close(): Promise<void>;
}

export interface KyselyStoreOptions {
  readonly writer: Writer;
  /** Sees what is committed, and never waits for the writer. */
  readonly reader: Database;
  readonly clock: Clock;
}

/** The store port over Kysely; what differs between databases is in the two handed in. */
export class KyselyStore implements Store {
  readonly read: Reader;
  readonly #writer: Writer;
  readonly #reader: Database;
  readonly #clock: Clock;
  readonly #statements = new Statements();
  readonly #listeners = new Set<(commit: Commit) => void>();

  constructor(options: KyselyStoreOptions) {
    this.#writer = options.writer;
    this.#reader = options.reader;
    this.#clock = options.clock;
    this.read = readerOf(options.reader, this.#statements);
  }

  async transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const changes = new Map<string, Change>();
    const events: Event[] = [];
    let refusal: WombatError | undefined;
    const hooks: WriteHooks = {
      now: () => this.#clock.now(),
      written: (kind, id, object) => changes.set(`${kind}/${id}`, { kind, id, object }),
      refused: (error) => (refusal ??= error),
      turn: turnTaker(),
    };
    const whole = async (database: Database): Promise<T> => {
      const result = await work(transactionOf(database, this.#statements, hooks, events));
      if (refusal) throw refusal;
      return result;
    };
    return this.#writer.transaction(whole, () => this.#publish({ changes: [...changes.values()], events }));
  }

  onCommit(listener: (commit: Commit) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#reader.destroy();
    await this.#writer.close();
  }

  #publish(commit: Commit): void {
    if (commit.changes.length === 0 && commit.events.length === 0) return;
    for (const listener of this.#listeners) listener(commit);
  }
}

/** A few milliseconds of work. */
const rowsPerTurn = 100;

/** Other transactions wait for a long one; sessions and readers need not, as long as it lets the event loop turn. */
function turnTaker(): WriteHooks['turn'] {
  let rows = 0;
  return async (written) => {
    rows += written;
    if (rows < rowsPerTurn) return;
    rows = 0;
    await setImmediate();
  };
}

function collectionsOf<C>(make: (kind: Kind) => C): Record<Kind, C> {
  return Object.fromEntries(kinds.map((kind) => [kind, make(kind)])) as Record<Kind, C>;
}

function readerOf(database: Database, statements: Statements): Reader {
  return {
    ...(collectionsOf((kind) => new KyselyCollection(database, kind, statements)) as unknown as { [K in Kind]: KyselyCollection<K> }),
    events: new KyselyEventLog(database),
    meta: { get: (key) => readMeta(database, key) },
    requests: new KyselyRequestLog(database),
  };
}

function transactionOf(database: Database, statements: Statements, hooks: WriteHooks, events: Event[]): Transaction {
  const log = new KyselyEventLog(database);
  const append = async (...added: readonly NewEvent[]): Promise<void> => {
    if (added.length === 0) return;
    const first = await nextNumber(database, sequenceCounter, added.length);
    for (const event of await writeEvents(database, first, hooks, added)) events.push(event);
  };
  return {
    ...(collectionsOf((kind) => new WritableKyselyCollection(database, kind, statements, hooks)) as unknown as {
      [K in keyof Kinds]: WritableKyselyCollection<K>;
    }),
    events: { list: (query) => log.list(query), lastSequence: () => log.lastSequence(), oldestKept: () => log.oldestKept(), append, drop: (upTo, limit) => dropEvents(database, upTo, limit) },
    requests: new WritableKyselyRequestLog(database),
    nextNumber: async (counter, count = 1) => {
      const first = await nextNumber(database, counter, count);
      await hooks.turn(1);
      return first;
    },
    meta: {
      get: (key) => readMeta(database, key),
      set: async (key, value) => {
        await database
          .insertInto('meta')
          .values({ key, value })
          .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
          .execute();
      },
    },
  };
}

async function nextNumber(database: Database, counter: string, count: number): Promise<number> {
  const row = await database
    .insertInto('counters')
    .values({ name: counter, value: count })
    .onConflict((conflict) => conflict.column('name').doUpdateSet((old) => ({ value: old('counters.value', '+', count) })))
    .returning('value')
    .executeTakeFirstOrThrow();
  return Number(row.value) - count + 1;
}

async function readMeta(database: Database, key: string): Promise<string | undefined> {
  return (await database.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst())?.value;
}
