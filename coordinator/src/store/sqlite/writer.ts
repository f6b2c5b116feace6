import { CompiledQuery } from 'kysely';
import type { Database } from '../kysely/collection.js';
import type { Writer } from '../kysely/kysely-store.js';
import type { OpenMark } from './open-mark.js';

interface Member {
  work(database: Database): Promise<unknown>;
  committed(): void;
  resolve(result: never): void;
  reject(error: unknown): void;
}

interface Kept {
  readonly member: Member;
  readonly result: unknown;
}

/** From the beginning of a group on; whoever comes later is in the next one. */
const groupMs = 10;

/**
 * The one connection that writes. Transactions that wait for it are committed together, each undone by itself when it fails: a
 * commit takes 0.2 ms of CPU and a flush of the disk, and thousands of agents that come back bring three transactions each.
 */
export class SqliteWriter implements Writer {
  readonly #waiting: Member[] = [];
  #isWriting = false;
  /** When all that was asked for so far is written. */
  #idle: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly mark: OpenMark,
  ) {}

  transaction<T>(work: (database: Database) => Promise<T>, committed: () => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, committed, resolve, reject });
      if (!this.#isWriting) this.#idle = this.#writeAll();
    });
  }

  async close(): Promise<void> {
    await this.#idle;
    this.mark.remove();
    await this.database.destroy();
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) await this.#writeGroup();
    this.#isWriting = false;
  }

  async #writeGroup(): Promise<void> {
    const kept: Kept[] = [];
    let hasBegun = false;
    try {
      await this.database.transaction().execute(async (database) => {
        hasBegun = true;
        const endMs = performance.now() + groupMs;
        do await this.#runNext(database, kept);
        while (this.#waiting.length > 0 && performance.now() < endMs);
      });
    } catch (error) {
      // Whoever stands in line behind a lock has waited for it like the first.
      const failed = hasBegun ? kept.map(({ member }) => member) : this.#waiting.splice(0);
      for (const { reject } of failed) reject(error);
      return;
    }
    for (const { member, result } of kept) settle(member, result);
  }

  /** @throws whatever means that nothing of the group is kept */
  async #runNext(database: Database, kept: Kept[]): Promise<void> {
    const member = this.#waiting.shift()!;
    // The first one is undone with the whole transaction.
    const isFirst = kept.length === 0;
    try {
      if (!isFirst) await database.executeQuery(savepoint);
      const result = await member.work(database);
      if (!isFirst) await database.executeQuery(release);
      kept.push({ member, result });
    } catch (error) {
      // SQLite may have undone all of it by itself, as on a full disk.
      const isUndone = !isFirst && (await database.executeQuery(rollback).then(() => true, () => false));
      member.reject(error);
      if (!isUndone) throw error;
    }
  }
}

const savepoint = CompiledQuery.raw('savepoint member');
const release = CompiledQuery.raw('release member');
const rollback = CompiledQuery.raw('rollback to member');

function settle({ committed, resolve, reject }: Member, result: unknown): void {
  try {
    committed();
    resolve(result as never);
  } catch (error) {
    reject(error);
  }
}
