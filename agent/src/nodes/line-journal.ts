import { createHash } from 'node:crypto';
import { readFile, mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { WombatError, type Clock } from '@wombat/proto';

export interface LineJournalOptions {
  readonly file: string;
  readonly clock: Clock;
}

export interface LoadedJournal {
  readonly entries: readonly unknown[];
  /** Where the lines that could not be read were put; undefined when all could. */
  readonly quarantine: string | undefined;
}

interface PendingWrite {
  readonly text: string;
  readonly durable: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * An append-only file of JSON lines, each with a checksum before it. Writes that are asked for while
 * one is under way share the next write and the next fsync. A line that is cut short or damaged is
 * put aside when the journal is opened, and all others are used.
 */
export class LineJournal {
  readonly #file: string;
  readonly #clock: Clock;
  #handle: FileHandle | undefined;
  #pending: PendingWrite[] = [];
  #writing: Promise<void> | undefined;
  #lines = 0;
  /** The last write failed and may have left half a line. */
  #isTorn = false;

  constructor({ file, clock }: LineJournalOptions) {
    this.#file = file;
    this.#clock = clock;
  }

  /** Lines in the file, superseded ones too: tells when a compaction is worth it. */
  get lines(): number {
    return this.#lines;
  }

  async open(): Promise<LoadedJournal> {
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
    const text = await readOrEmpty(this.#file);
    const { entries, damaged } = parseLines(text);
    const quarantine = damaged.length > 0 ? await this.#quarantine(damaged) : undefined;
    if (quarantine) await this.rewrite(() => entries);
    this.#handle ??= await open(this.#file, 'a', 0o600);
    this.#lines = entries.length;
    return { entries, quarantine };
  }

  /** In the file when it resolves: a killed agent loses nothing. With `durable` a power cut does not either. */
  append(entries: readonly unknown[], options: { readonly durable: boolean }): Promise<void> {
    if (entries.length === 0) return Promise.resolve();
    const text = entries.map(encodeLine).join('');
    this.#lines += entries.length;
    return new Promise((resolve, reject) => {
      this.#pending.push({ text, durable: options.durable, resolve, reject });
      this.#startWriting();
    });
  }

  /** Replaces all by what is current when no write is under way; made beside and renamed. */
  async rewrite(current: () => readonly unknown[]): Promise<void> {
    await this.#exclusively(async () => {
      const entries = current();
      const staged = `${this.#file}.new`;
      await rm(staged, { force: true });
      const handle = await open(staged, 'ax', 0o600);
      try {
        await handle.appendFile(entries.map(encodeLine).join(''));
        await handle.sync();
        await rename(staged, this.#file);
        await syncDirectory(dirname(this.#file));
      } catch (error) {
        await handle.close();
        throw diskError(error);
      }
      await this.#handle?.close();
      this.#handle = handle;
      this.#isTorn = false;
      this.#lines = entries.length;
    });
  }

  async close(): Promise<void> {
    await this.#exclusively(async () => {
      await this.#handle?.close();
      this.#handle = undefined;
    });
  }

  #startWriting(): void {
    this.#writing ??= this.#writePending().finally(() => {
      this.#writing = undefined;
      if (this.#pending.length > 0) this.#startWriting();
    });
  }

  async #writePending(): Promise<void> {
    // Whatever is asked for in this turn goes into one write.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0);
      try {
        if (!this.#handle) throw new WombatError('WO_UNAVAILABLE', 'the journal is closed');
        await this.#handle.appendFile(`${this.#isTorn ? '\n' : ''}${batch.map(({ text }) => text).join('')}`);
        this.#isTorn = false;
        if (batch.some(({ durable }) => durable)) await this.#handle.datasync();
        for (const { resolve } of batch) resolve();
      } catch (error) {
        this.#isTorn = true;
        for (const { reject } of batch) reject(diskError(error));
      }
    }
  }

  async #exclusively(action: () => Promise<void>): Promise<void> {
    while (this.#writing) await this.#writing;
    this.#writing = action().finally(() => {
      this.#writing = undefined;
      if (this.#pending.length > 0) this.#startWriting();
    });
    await this.#writing;
  }

  async #quarantine(damaged: readonly string[]): Promise<string> {
    const file = join(dirname(this.#file), `${basename(this.#file)}.damaged-${this.#clock.now()}`);
    const handle = await open(file, 'w', 0o600);
    try {
      await handle.writeFile(damaged.join('\n'), 'latin1');
    } finally {
      await handle.close();
    }
    return file;
  }
}

function encodeLine(entry: unknown): string {
  // ASCII only, so that a byte of the file is a character of the text.
  const json = JSON.stringify(entry).replace(/[\u007f-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `${checksum(json)} ${json}\n`;
}

function parseLines(text: string): { entries: unknown[]; damaged: string[] } {
  const lines = text.split('\n');
  const entries: unknown[] = [];
  const damaged: string[] = [];
  // What stands behind the last newline was cut short, even if it happens to be whole.
  const cut = lines.pop() ?? '';
  for (const line of lines) {
    if (line === '') continue;
    const json = line.slice(line.indexOf(' ') + 1);
    if (line === `${checksum(json)} ${json}`) entries.push(JSON.parse(json) as unknown);
    else damaged.push(line);
  }
  if (cut !== '') damaged.push(cut);
  return { entries, damaged };
}

function checksum(json: string): string {
  return createHash('sha256').update(json, 'latin1').digest('base64url').slice(0, 10);
}

async function readOrEmpty(file: string): Promise<string> {
  try {
    // Byte for byte, so that damaged bytes are put aside as they were.
    return await readFile(file, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function diskError(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new WombatError('WO_DISK_FULL', 'no space left for the journal', { cause: error });
  return error;
}
