import { mkdir, open, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { WombatError, type Clock } from '@wombat/proto';
import type { JournalDamage } from '@wombat/proto/agent';
import { encodeLine, headerLine, parseJournal } from './journal-lines.js';
import { keepAside, moveAside } from './journal-quarantine.js';

export interface LineJournalOptions<Entry> {
  readonly file: string;
  readonly clock: Clock;
  /** Of what the entries mean. A file of another version is put aside as a whole. */
  readonly version: number;
  /** Throws for what is no entry. */
  readonly read: (value: unknown) => Entry;
}

export interface LoadedJournal<Entry> {
  readonly entries: readonly Entry[];
  /** There was none. */
  readonly isNew: boolean;
  readonly damage: JournalDamage | undefined;
}

interface PendingWrite {
  readonly text: string;
  readonly durable: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** No journal comes near it: whatever is larger is something else. */
const largestBytes = 256 * 1024 * 1024;
/** Superseded lines may take this much, and as much again as is current. */
const slackBytes = 256 * 1024;

/**
 * An append-only file of lines, each with a checksum before it. Writes that are asked for while one is
 * under way share the next write and the next fsync. A file that is damaged is put aside when it is
 * opened, and whatever can be read of it is used: no content of it keeps an agent from starting.
 */
export class LineJournal<Entry> {
  readonly #options: LineJournalOptions<Entry>;
  #handle: FileHandle | undefined;
  #pending: PendingWrite[] = [];
  #writing: Promise<void> | undefined;
  /** Of the file, as far as it is whole. */
  #bytes = 0;
  /** At this size it is worth making it anew. */
  #fullBytes = 0;
  /** The file may end with half a line. */
  #isTorn = false;

  constructor(options: LineJournalOptions<Entry>) {
    this.#options = options;
  }

  async open(): Promise<LoadedJournal<Entry>> {
    const { file, version, read } = this.#options;
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const found = await this.#readFile();
    if (typeof found !== 'string') {
      await this.#begin([], 0);
      return { entries: [], isNew: found === undefined, damage: found };
    }
    const { entries, damage } = parseJournal(found, version, read);
    if (damage === undefined) {
      await this.#continue(found.length);
      return { entries, isNew: false, damage: undefined };
    }
    return { entries, isNew: false, damage: await this.#beginAnew(entries, damage, found.length) };
  }

  /** In the file when it resolves: a killed agent loses nothing. With `durable` a power cut does not either. */
  append(entries: readonly Entry[], options: { readonly durable: boolean }): Promise<void> {
    if (entries.length === 0) return Promise.resolve();
    const text = entries.map(encodeLine).join('');
    return new Promise((resolve, reject) => {
      this.#pending.push({ text, durable: options.durable, resolve, reject });
      this.#startWriting();
    });
  }

  /** Replaces all by what is current when no write is under way; made beside and renamed. @throws WombatError WO_DISK_FULL */
  async rewrite(current: () => readonly Entry[]): Promise<void> {
    await this.#exclusively(async () => {
      const handle = await this.#stage(current());
      await this.#handle?.close();
      this.#handle = handle;
    });
  }

  /** The same when most of the file is superseded. What a full disk forbids is tried again when the file has grown further. */
  async compactWhenGrown(current: () => readonly Entry[]): Promise<void> {
    if (this.#bytes >= this.#fullBytes) await this.compact(current);
  }

  async compact(current: () => readonly Entry[]): Promise<void> {
    await this.rewrite(current).catch(() => (this.#fullBytes = this.#bytes + slackBytes));
  }

  async close(): Promise<void> {
    await this.#exclusively(async () => {
      await this.#handle?.close();
      this.#handle = undefined;
    });
  }

  /** Byte for byte. What cannot be read is moved out of the way; undefined: there is none. */
  async #readFile(): Promise<string | undefined | JournalDamage> {
    const { file, clock } = this.#options;
    try {
      const { size } = await stat(file);
      if (size <= largestBytes) return await readFile(file, 'latin1');
      throw new Error(`it has ${size} bytes`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      return this.#damage(await moveAside(file, clock.now()), `it cannot be read: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`);
    }
  }

  /** What can be read of it, in a new file; on a full disk the old one is gone on with, and the next agent tries again. */
  async #beginAnew(entries: readonly Entry[], reason: string, sizeBytes: number): Promise<JournalDamage> {
    const { file, clock } = this.#options;
    const aside = await keepAside(file, clock.now()).catch(() => '');
    await this.#begin(entries, sizeBytes);
    return this.#damage(aside, reason);
  }

  #damage(keptAs: string, reason: string): JournalDamage {
    return { journal: basename(this.#options.file), keptAs, reason };
  }

  async #begin(entries: readonly Entry[], sizeBytes: number): Promise<void> {
    try {
      this.#handle = await this.#stage(entries);
    } catch (error) {
      if (!WombatError.is(error)) throw error;
      this.#isTorn = sizeBytes > 0;
      await this.#continue(sizeBytes);
    }
  }

  async #continue(sizeBytes: number): Promise<void> {
    this.#handle = await open(this.#options.file, 'a', 0o600);
    this.#noteSize(sizeBytes);
  }

  /** A whole file under another name that takes the place of the journal, and outlives a power cut there. */
  async #stage(entries: readonly Entry[]): Promise<FileHandle> {
    const { file, version } = this.#options;
    const staged = `${file}.new`;
    let handle: FileHandle | undefined;
    try {
      await rm(staged, { recursive: true, force: true });
      handle = await open(staged, 'ax', 0o600);
      const text = headerLine(version) + entries.map(encodeLine).join('');
      await handle.appendFile(text);
      await handle.sync();
      await rename(staged, file);
      await syncDirectory(dirname(file));
      this.#isTorn = false;
      this.#noteSize(text.length);
      return handle;
    } catch (error) {
      await handle?.close();
      // It would take space that there is none of.
      await rm(staged, { force: true });
      throw diskError(error);
    }
  }

  #noteSize(sizeBytes: number): void {
    this.#bytes = sizeBytes;
    this.#fullBytes = 2 * sizeBytes + slackBytes;
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
        const text = `${this.#isTorn ? '\n' : ''}${batch.map((write) => write.text).join('')}`;
        await this.#handle.appendFile(text);
        this.#bytes += text.length;
        this.#isTorn = false;
        if (batch.some(({ durable }) => durable)) await this.#handle.datasync();
        for (const { resolve } of batch) resolve();
      } catch (error) {
        await this.#cutTornWrite();
        for (const { reject } of batch) reject(diskError(error));
      }
    }
  }

  /** Whoever asked for it is told that it failed; half a line of it would look like damage to the next agent. */
  async #cutTornWrite(): Promise<void> {
    try {
      await this.#handle?.truncate(this.#bytes);
    } catch {
      this.#isTorn = true;
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
