import { setTimeout as delay } from 'node:timers/promises';
import { backoffMs, WombatError, type Clock } from '@wombat/proto';
import type { Database } from '../kysely/collection.js';
import type { Writer } from '../kysely/kysely-store.js';
import { OneAfterAnother } from './one-after-another.js';
import { isAway, unavailable } from './errors.js';
import type { WritingSession } from './writing-session.js';

export interface PostgresWriterOptions {
  readonly clock: Clock;
  /** How long a call waits for a database that is away. */
  readonly patienceMs: number;
  open(onLost: (error: unknown) => void): Promise<WritingSession>;
  /** Told once when the connection is lost, and once when there is another. */
  onLost(error: unknown): void;
  onRegained(): void;
}

/** A commit that was sent and not answered. */
interface Doubt {
  readonly number: number;
  readonly committed: () => void;
  isKept: boolean;
}

const retry = { initialMs: 50, maximumMs: 2_000 } as const;

/**
 * The states of the connection: *there*; *lost*, from the moment that it breaks: it is opened again with backoff for as long as it takes,
 * calls wait for it `patienceMs` and then answer WO_STORE_UNAVAILABLE; *closed*. A transaction whose commit was not answered is in
 * doubt until the next connection tells whether its number was written, and no other begins before.
 */
export class PostgresWriter implements Writer {
  readonly #turns = new OneAfterAnother();
  readonly #closing = new AbortController();
  #session: WritingSession | undefined;
  #opening: Promise<void> | undefined;
  #reason: unknown;
  #lastCommit = 0;
  #doubt: Doubt | undefined;

  constructor(private readonly options: PostgresWriterOptions) {}

  /** Opens the first connection. @throws what the last attempt failed with, after `patienceMs` if that may pass */
  async start(): Promise<void> {
    const { clock, patienceMs } = this.options;
    const end = clock.monotonic() + patienceMs;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#open();
      } catch (error) {
        if (!mayPass(error) || clock.monotonic() > end) throw error;
      }
      await clock.sleep(backoffMs(attempt, retry));
    }
  }

  transaction<T>(work: (database: Database) => Promise<T>, committed: () => void): Promise<T> {
    return this.#turns.run(() => this.#transact(work, committed));
  }

  async close(): Promise<void> {
    await this.#turns.idle();
    this.#closing.abort(new WombatError('WO_STORE_UNAVAILABLE', 'the store is closed'));
    await this.#opening;
    await this.#session?.end();
  }

  async #transact<T>(work: (database: Database) => Promise<T>, committed: () => void): Promise<T> {
    const session = await this.#begun();
    let result: T;
    try {
      result = await work(session.database);
    } catch (error) {
      await session.rollback().catch((failed: unknown) => session.drop(failed));
      throw error;
    }
    await this.#commit(session, { number: this.#lastCommit + 1, committed, isKept: false });
    return result;
  }

  /** That a connection has broken may show only when it is used: then nothing was done on it, and the next one will do. */
  async #begun(): Promise<WritingSession> {
    const session = await this.#there();
    try {
      await session.begin();
      return session;
    } catch (error) {
      session.drop(error);
    }
    const next = await this.#there();
    await next.begin();
    return next;
  }

  async #commit(session: WritingSession, doubt: Doubt): Promise<void> {
    this.#doubt = doubt;
    try {
      await session.commit(doubt.number);
    } catch (error) {
      session.drop(error);
      await this.#there();
      if (!doubt.isKept) throw error;
      return;
    }
    this.#settle(doubt.number);
  }

  #settle(lastCommit: number): void {
    const doubt = this.#doubt;
    this.#doubt = undefined;
    this.#lastCommit = lastCommit;
    if (doubt === undefined || doubt.number > lastCommit) return;
    doubt.isKept = true;
    doubt.committed();
  }

  /** @throws WombatError WO_STORE_UNAVAILABLE, WO_IN_USE, ...: why there is no connection */
  async #there(): Promise<WritingSession> {
    if (!this.#isThere(this.#session)) {
      this.#closing.signal.throwIfAborted();
      const over = new AbortController();
      await Promise.race([this.#reopen(), delay(this.options.patienceMs, undefined, { signal: over.signal }).catch(() => undefined)]).finally(() => over.abort());
    }
    if (this.#isThere(this.#session)) return this.#session;
    throw WombatError.is(this.#reason) ? this.#reason : unavailable(this.#reason);
  }

  #isThere(session: WritingSession | undefined): session is WritingSession {
    return session !== undefined && !session.isLost;
  }

  /** One at a time; ends when there is a connection, or the store is closed. */
  #reopen(): Promise<void> {
    this.#opening ??= this.#openWithBackoff().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async #openWithBackoff(): Promise<void> {
    const { signal } = this.#closing;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await this.#open();
        if (this.#isThere(this.#session)) return;
      } catch (error) {
        this.#reason = error;
      }
      await this.options.clock.sleep(backoffMs(attempt, retry), signal).catch(() => undefined);
    }
  }

  async #open(): Promise<void> {
    const session = await this.options.open((error) => this.#lost(error));
    try {
      this.#settle(await session.lastCommit());
    } catch (error) {
      session.drop(error);
      throw error;
    }
    const before = this.#session;
    this.#session = session;
    if (before) this.options.onRegained();
  }

  #lost(error: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.#reason = error;
    // A connection that was never used is not missed.
    if (!this.#opening) this.options.onLost(error);
    void this.#reopen();
  }
}

/** A wrong password or a newer schema stays at the first start; a server that starts or another coordinator that stops does not. */
function mayPass(error: unknown): boolean {
  return isAway(error) || (WombatError.is(error) && (error.code === 'WO_IN_USE' || error.code === 'WO_STORE_UNAVAILABLE'));
}
