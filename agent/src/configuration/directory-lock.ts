import { createHash } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WombatError } from '@wombat/proto';
import { isAlive, readStat } from '../processes/process-table.js';

/** Who holds the lock: a process that cannot be mistaken for a later one with the same number. */
interface Holder {
  readonly pid: number;
  readonly startTime: string;
  readonly bootId: string;
}

/** Keeps two agents from running in one directory. What a killed agent left is taken over. */
export class DirectoryLock {
  readonly #path: string;
  readonly #own: string;

  private constructor(path: string, own: string) {
    this.#path = path;
    this.#own = own;
  }

  /** @throws WombatError WO_IN_USE while a live agent holds it */
  static acquire(directory: string, bootId: string): DirectoryLock {
    return DirectoryLock.#at(join(directory, 'agent.lock'), bootId);
  }

  static #at(path: string, bootId: string): DirectoryLock {
    const own = JSON.stringify({ pid: process.pid, startTime: readStat(process.pid)?.startTime ?? '', bootId } satisfies Holder);
    const beside = `${path}.${process.pid}`;
    writeFileSync(beside, own, { mode: 0o600 });
    try {
      for (let round = 0; round < 20; round++) {
        if (tryLink(beside, path) || DirectoryLock.#takeOver(beside, path, bootId)) return new DirectoryLock(path, own);
      }
    } finally {
      rmSync(beside, { force: true });
    }
    throw inUse('another agent takes this directory at the same moment');
  }

  /**
   * Puts our lock in the place of a dead holder's. Of many who find it, one at a time may: whoever holds the
   * lock on that very content, which dies with its holder as any lock does. The name is never free meanwhile.
   */
  static #takeOver(from: string, path: string, bootId: string): boolean {
    const seen = read(path);
    if (seen === undefined) return false;
    const holder = parseHolder(seen);
    if (holder && holds(holder, bootId)) throw inUse(`the agent with pid ${holder.pid} runs in this directory already`);
    const guard = DirectoryLock.#at(`${path}.${createHash('sha256').update(seen).digest('hex').slice(0, 12)}`, bootId);
    try {
      if (read(path) !== seen) return false;
      renameSync(from, path);
      return true;
    } finally {
      guard.release();
    }
  }

  /** Only if it is still ours. */
  release(): void {
    if (read(this.#path) === this.#own) rmSync(this.#path, { force: true });
  }
}

/** A link appears with its content or not at all, and never replaces one that is there. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function holds(holder: Holder, bootId: string): boolean {
  return holder.bootId === bootId && isAlive(holder);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, startTime, bootId } = JSON.parse(text) as Record<string, unknown>;
    if (!Number.isSafeInteger(pid) || typeof startTime !== 'string' || typeof bootId !== 'string') return undefined;
    return { pid: pid as number, startTime, bootId };
  } catch {
    return undefined;
  }
}

function inUse(message: string): WombatError {
  return new WombatError('WO_IN_USE', message, { hint: 'give each agent a directory of its own' });
}
