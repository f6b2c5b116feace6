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
    const path = join(directory, 'agent.lock');
    const own = JSON.stringify({ pid: process.pid, startTime: readStat(process.pid)?.startTime ?? '', bootId } satisfies Holder);
    const beside = `${path}.${process.pid}`;
    writeFileSync(beside, own, { mode: 0o600 });
    try {
      // A second round is needed when another agent cleared the same stale lock first.
      for (let round = 0; round < 5; round++) {
        if (tryLink(beside, path)) return new DirectoryLock(path, own);
        clearIfStale(path, bootId);
      }
    } finally {
      rmSync(beside, { force: true });
    }
    throw inUse('another agent takes this directory at the same moment');
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

function clearIfStale(path: string, bootId: string): void {
  const seen = read(path);
  if (seen === undefined) return;
  const holder = parseHolder(seen);
  if (holder && holds(holder, bootId)) throw inUse(`the agent with pid ${holder.pid} runs in this directory already`);
  // Moved away rather than removed: should a new holder have come between, it is put back.
  const moved = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, moved);
  } catch {
    return;
  }
  if (read(moved) !== seen) tryLink(moved, path);
  rmSync(moved, { force: true });
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
