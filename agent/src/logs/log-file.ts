import { closeSync, constants, copyFileSync, existsSync, fstatSync, ftruncateSync, lstatSync, readFileSync, readSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { freeBytes, wholeBlocks } from './free-space.js';
import type { LogSegment } from './log-segment.js';
import { openPlainFile, plainFileSize } from './plain-file.js';

export interface LogLimits {
  /** Of one file. */
  readonly fileBytes: number;
  /** The current one and those before it. */
  readonly files: number;
}

export const defaultLogLimits: LogLimits = { fileBytes: 10 * 1024 * 1024, files: 5 };

interface LogState {
  /** Offset of the first byte of the current file. */
  readonly start: number;
  /** Sizes of FILE.1, FILE.2, ..., the newest first. */
  readonly older: readonly number[];
  /** FILE.1 holds the first bytes of the current file, which is yet to be emptied. */
  readonly copied?: number;
  /** So many bytes at the beginning of the current file were given back. */
  readonly freed?: number;
}

/**
 * What a process writes to one stream, bounded in size. The writer keeps its descriptor, opened to
 * append. Where the file system allows it, the beginning of the file is given back and nothing else
 * changes: no byte is lost. Elsewhere the file is copied and emptied, and what is written between the last
 * look at its size and the emptying is lost: segments after it are marked as torn.
 * FILE is the current file, FILE.1 to FILE.4 are older, FILE.json says which offsets they begin at.
 */
export class LogFile {
  readonly #file: string;
  readonly #limits: LogLimits;

  constructor(file: string, limits: LogLimits = defaultLogLimits) {
    this.#file = file;
    this.#limits = limits;
  }

  /** The oldest first; the current one, even if it is empty or not there yet, last. */
  segments(): LogSegment[] {
    const { start, older, copied, freed = 0 } = this.#state();
    const position = freed;
    const current = this.#segment(this.#file, start + freed, Math.max(0, plainFileSize(this.#file) - freed), position, older.length > 0);
    let end = copied === undefined ? start : start + copied;
    const before = older.map((sizeBytes, index) => {
      end -= sizeBytes;
      return { file: `${this.#file}.${index + 1}`, segment: this.#segment(`${this.#file}.${index + 1}`, end, sizeBytes, 0, true) };
    });
    // Between copy and emptying the newest of the older files says the same as the current one.
    if (copied !== undefined) before.shift();
    return [...before.filter(({ file }) => existsSync(file)).map(({ segment }) => segment).reverse(), current];
  }

  #segment(file: string, start: number, sizeBytes: number, position: number, torn: boolean): LogSegment {
    return { start, sizeBytes, position, torn, open: () => openPlainFile(file) };
  }

  /** Of the file that is written. */
  get modifiedMs(): number {
    return lstatSync(this.#file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  }

  /** To be called now and then, where space can be given back: frees what is past the bound. Answers whether it did. */
  async freeIfNeeded(): Promise<boolean> {
    const { start, older, freed = 0 } = this.#state();
    const { fileBytes, files } = this.#limits;
    const size = plainFileSize(this.#file);
    // Somebody has emptied it.
    if (size < freed) this.#write({ start: start + freed, older: [] });
    if (size - freed < fileBytes * files) return false;
    const to = wholeBlocks(size - fileBytes * Math.max(1, files - 1));
    // Said before it is done: what is free again must not be read.
    this.#write({ start, older: [], freed: to });
    older.forEach((_, index) => rmSync(`${this.#file}.${index + 1}`, { force: true }));
    return freeBytes(this.#file, freed, to);
  }

  /** To be called now and then: rotates a file that has grown too large. Answers whether it did. */
  rotateIfNeeded(): boolean {
    if (plainFileSize(this.#file) < this.#limits.fileBytes) return false;
    this.rotate();
    return true;
  }

  rotate(): void {
    const state = this.#state();
    if (state.copied !== undefined) return this.#finish(state);
    const { start, older } = state;
    const kept = Math.max(0, this.#limits.files - 1);
    for (let index = Math.min(older.length, kept); index >= 1; index--) {
      if (index >= kept) rmSync(`${this.#file}.${index}`, { force: true });
      else if (existsSync(`${this.#file}.${index}`)) renameSync(`${this.#file}.${index}`, `${this.#file}.${index + 1}`);
    }
    // A copy that a killed agent began, or whatever else has come to lie there.
    rmSync(`${this.#file}.1`, { recursive: true, force: true });
    copyFileSync(this.#file, `${this.#file}.1`, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    const copied = plainFileSize(`${this.#file}.1`);
    const next: LogState = { start, older: [copied, ...older].slice(0, kept), copied };
    this.#write(next);
    this.#finish(next);
  }

  /** Also what a killed agent's successor does with a rotation that it finds half done. */
  #finish({ start, older, copied = 0 }: LogState): void {
    const descriptor = openPlainFile(this.#file, constants.O_RDWR);
    try {
      const total = fstatSync(descriptor).size >= copied ? this.#copyRest(descriptor, copied) : copied;
      if (fstatSync(descriptor).size >= copied) ftruncateSync(descriptor, 0);
      this.#write({ start: start + total, older: [total, ...older.slice(1)] });
    } finally {
      closeSync(descriptor);
    }
  }

  /** Appends what was written after the copy. Answers how much there is in all. */
  #copyRest(descriptor: number, from: number): number {
    const copy = openPlainFile(`${this.#file}.1`, constants.O_RDWR);
    const chunk = Buffer.alloc(64 * 1024);
    let offset = from;
    try {
      ftruncateSync(copy, from);
      for (let read = readSync(descriptor, chunk, 0, chunk.length, offset); read > 0; read = readSync(descriptor, chunk, 0, chunk.length, offset)) {
        writeSync(copy, chunk, 0, read, offset);
        offset += read;
      }
      return offset;
    } finally {
      closeSync(copy);
    }
  }

  #state(): LogState {
    try {
      const state = JSON.parse(readPlainFile(`${this.#file}.json`)) as Partial<LogState>;
      if (typeof state.start === 'number' && Array.isArray(state.older)) return state as LogState;
    } catch {
      // No rotation yet.
    }
    return { start: 0, older: [] };
  }

  #write(state: LogState): void {
    const staged = `${this.#file}.json.new`;
    rmSync(staged, { recursive: true, force: true });
    writeFileSync(staged, JSON.stringify(state), { mode: 0o600, flag: 'wx' });
    renameSync(staged, `${this.#file}.json`);
  }
}

function readPlainFile(file: string): string {
  const descriptor = openPlainFile(file);
  try {
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}
