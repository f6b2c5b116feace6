import { createHash, randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { WombatError } from '../errors/wombat-error.js';
import { identifyProcess, isAlive, parseIdentity, readBootId, type ProcessIdentity } from './process-stat.js';

export interface ProcessLockOptions {
  /** The error for whom a live process stands in the way. */
  readonly refuse: (holderPid: number) => WombatError;
  /** @default the kernel's */
  readonly bootId?: string;
}

/** A name in a directory that one live process holds. What a dead one left, or one of another boot, is taken over. */
export class ProcessLock {
  readonly #path: string;
  readonly #own: string;

  private constructor(path: string, own: string) {
    this.#path = path;
    this.#own = own;
  }

  /** @throws what `refuse` answers while a live process holds it; WO_CONFLICT when it changes hands too fast */
  static acquire(path: string, { refuse, bootId = readBootId() }: ProcessLockOptions): ProcessLock {
    const own = JSON.stringify({ ...identifyProcess(process.pid), bootId });
    const beside = `${path}.${randomBytes(6).toString('hex')}`;
    writeFileSync(beside, own, { mode: 0o600 });
    try {
      for (let round = 0; round < 20; round++) {
        if (tryLink(beside, path) || takeOver(beside, path, { refuse, bootId })) return new ProcessLock(path, own);
      }
    } finally {
      rmSync(beside, { force: true });
    }
    throw new WombatError('WO_CONFLICT', `the lock ${path} changes hands too fast`);
  }

  /** Only if it is still ours. */
  release(): void {
    if (read(this.#path) === this.#own) rmSync(this.#path, { force: true });
  }
}

/**
 * Puts our lock in the place of a dead holder's. Of many who find it, one at a time may: whoever holds the
 * lock on that very content, which dies with its holder as any lock does. The name is never free meanwhile.
 */
function takeOver(from: string, path: string, options: Required<ProcessLockOptions>): boolean {
  const seen = read(path);
  if (seen === undefined) return false;
  const holder = holderOf(seen, options.bootId);
  if (holder) throw options.refuse(holder.pid);
  const guard = ProcessLock.acquire(`${path}.${createHash('sha256').update(seen).digest('hex').slice(0, 12)}`, options);
  try {
    if (read(path) !== seen) return false;
    renameSync(from, path);
    return true;
  } finally {
    guard.release();
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

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The live process that wrote this, in this boot. */
function holderOf(text: string, bootId: string): ProcessIdentity | undefined {
  const identity = parseIdentity(text);
  if (!identity || (JSON.parse(text) as { bootId?: unknown }).bootId !== bootId) return undefined;
  return isAlive(identity) ? identity : undefined;
}
