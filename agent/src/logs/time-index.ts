import { closeSync, constants, fstatSync, readFileSync, readSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { openPlainFile } from './plain-file.js';

/** Entries are at least this far apart: the accuracy of `--since`. */
export const indexStepMs = 1_000;
/** Of 16 bytes each; past it the older half keeps every second one. */
const maximumEntries = 12_288;
const entryBytes = 16;

interface Entry {
  readonly timeMs: number;
  /** How many bytes the log had then, all that were ever written. */
  readonly end: number;
}

/**
 * When a log had grown to which size: output has no times of its own. An entry a second at most, and
 * none while nothing is written, in a file beside the log, so that the next agent goes on with it.
 */
export class TimeIndex {
  readonly #file: string;
  #last: Entry | undefined;
  #isRead = false;

  constructor(file: string) {
    this.#file = file;
  }

  /** The newest end that was noted, also by an earlier agent. */
  get lastEnd(): number {
    this.#readLast();
    return this.#last?.end ?? 0;
  }

  note(timeMs: number, end: number): void {
    this.#readLast();
    const last = this.#last;
    if (last && (end <= last.end || (timeMs >= last.timeMs && timeMs - last.timeMs < indexStepMs))) return;
    const entry = Buffer.alloc(entryBytes);
    entry.writeDoubleBE(timeMs, 0);
    entry.writeDoubleBE(end, 8);
    const descriptor = openPlainFile(this.#file, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600);
    try {
      writeSync(descriptor, entry);
      this.#last = { timeMs, end };
      if (fstatSync(descriptor).size > maximumEntries * entryBytes) this.#thin();
    } finally {
      closeSync(descriptor);
    }
  }

  /** Everything written since then lies at or after this offset; undefined: nobody knows, so all of it may. */
  offsetAt(timeMs: number): number | undefined {
    return this.#entries().findLast((entry) => entry.timeMs <= timeMs)?.end;
  }

  #thin(): void {
    const entries = this.#entries();
    const half = Math.floor(entries.length / 2);
    const kept = entries.filter((_, index) => index >= half || index % 2 === 0);
    const bytes = Buffer.alloc(kept.length * entryBytes);
    kept.forEach(({ timeMs, end }, index) => {
      bytes.writeDoubleBE(timeMs, index * entryBytes);
      bytes.writeDoubleBE(end, index * entryBytes + 8);
    });
    const staged = `${this.#file}.new`;
    rmSync(staged, { recursive: true, force: true });
    writeFileSync(staged, bytes, { mode: 0o600, flag: 'wx' });
    renameSync(staged, this.#file);
  }

  #readLast(): void {
    if (this.#isRead) return;
    this.#isRead = true;
    this.#last = readEntries(this.#file, 1).at(-1);
  }

  #entries(): Entry[] {
    return readEntries(this.#file);
  }
}

/** The last so many, or all; an entry that was cut short counts as not there. */
function readEntries(file: string, last?: number): Entry[] {
  let descriptor: number;
  try {
    descriptor = openPlainFile(file);
  } catch {
    return [];
  }
  try {
    const count = Math.floor(fstatSync(descriptor).size / entryBytes);
    const from = last === undefined ? 0 : Math.max(0, count - last);
    const bytes = last === undefined ? readFileSync(descriptor) : Buffer.alloc((count - from) * entryBytes);
    if (last !== undefined) readSync(descriptor, bytes, 0, bytes.length, from * entryBytes);
    return Array.from({ length: Math.min(count - from, Math.floor(bytes.length / entryBytes)) }, (_, index) => ({
      timeMs: bytes.readDoubleBE(index * entryBytes),
      end: bytes.readDoubleBE(index * entryBytes + 8),
    }));
  } finally {
    closeSync(descriptor);
  }
}
