import { createHash } from 'node:crypto';
import { closeSync, fstatSync, lstatSync, opendirSync, openSync, read, type Dirent } from 'node:fs';
import { promisify } from 'node:util';
import { limits, relativeParts } from '@wombat/proto';
import { failpoint } from '@wombat/proto/failpoints';
import type { FilePart } from '@wombat/proto/types';
import { openPlainFile } from '../logs/plain-file.js';
import { explained, holdParent, refused, type FilePlace } from './file-place.js';
import { directoryFlags, through } from './held-directory.js';

export interface TreeBounds {
  readonly mostBytes: number;
  /** Also of what is left out. */
  readonly mostFiles: number;
}

/** Within a message of a channel, with what is around it. */
const partBytes = limits.channelChunkBytes - 64;
const readBytes = promisify(read);

/** A file, or the files below a directory, one after another. Links are never followed. @throws WombatError WO_EXEC_REJECTED */
export function readTree(place: FilePlace, bounds: TreeBounds, signal: AbortSignal): AsyncIterable<FilePart> {
  return new TreeReading(place, bounds, signal).parts();
}

class TreeReading {
  readonly #place: FilePlace;
  readonly #bounds: TreeBounds;
  readonly #signal: AbortSignal;
  #bytes = 0;
  #entries = 0;
  #leftOut = 0;

  constructor(place: FilePlace, bounds: TreeBounds, signal: AbortSignal) {
    this.#place = place;
    this.#bounds = bounds;
    this.#signal = signal;
  }

  async *parts(): AsyncGenerator<FilePart> {
    const { path, parts } = this.#place;
    const name = parts.at(-1) ?? '.';
    const parent = holdParent(this.#place);
    try {
      if (lstatSync(through(parent, name), { throwIfNoEntry: false })?.isDirectory()) {
        yield* this.#directory(openSync(through(parent, name), directoryFlags), '');
      } else {
        const descriptor = openPlainFile(through(parent, name));
        if (!isAnothers(descriptor)) yield* this.#file(descriptor, name);
        else {
          closeSync(descriptor);
          throw refused(path, 'has other names and is not for everybody: it may be another user\'s', 'copy it there first: wo exec TARGET -- cp');
        }
      }
    } catch (error) {
      throw explained(path, error);
    } finally {
      closeSync(parent);
    }
    yield { kind: { $case: 'leftOut', value: this.#leftOut } };
  }

  /** Closes what it is given. */
  async *#directory(descriptor: number, prefix: string): AsyncGenerator<FilePart> {
    const listing = opendirSync(`/proc/self/fd/${descriptor}`);
    try {
      for await (const entry of listing) {
        this.#signal.throwIfAborted();
        this.#count();
        const path = `${prefix}${entry.name}`;
        const opened = relativeParts(path) ? openEntry(descriptor, entry) : undefined;
        if (opened === undefined) this.#leftOut += 1;
        else if (entry.isDirectory()) yield* this.#directory(opened, `${path}/`);
        else yield* this.#file(opened, path);
      }
    } finally {
      closeSync(descriptor);
    }
  }

  /** Closes what it is given. Whatever is written to it meanwhile is not waited for. */
  async *#file(descriptor: number, path: string): AsyncGenerator<FilePart> {
    try {
      const { size, mode } = fstatSync(descriptor);
      if (this.#bytes + size > this.#bounds.mostBytes) throw this.#tooMuch(`${this.#bounds.mostBytes} bytes`);
      yield { kind: { $case: 'begun', value: { path, mode: mode & 0o777, sizeBytes: BigInt(size) } } };
      const hash = createHash('sha256');
      for (let offset = 0; offset < size; ) {
        this.#signal.throwIfAborted();
        const { bytesRead, buffer } = await readBytes(descriptor, Buffer.allocUnsafe(Math.min(partBytes, size - offset)), 0, Math.min(partBytes, size - offset), offset);
        if (bytesRead === 0) break;
        const data = buffer.subarray(0, bytesRead);
        hash.update(data);
        offset += bytesRead;
        await failpoint('agent.pull.during');
        yield { kind: { $case: 'data', value: data } };
      }
      this.#bytes += size;
      yield { kind: { $case: 'sha256', value: hash.digest() } };
    } finally {
      closeSync(descriptor);
    }
  }

  #count(): void {
    if (++this.#entries > this.#bounds.mostFiles) throw this.#tooMuch(`${this.#bounds.mostFiles} files`);
  }

  #tooMuch(what: string): Error {
    return refused(this.#place.path, `holds more than ${what}`, 'fetch a part of it, or pack it there first: wo exec TARGET -- tar -czf FILE PATH');
  }
}

/** Undefined for what is neither file nor directory, or cannot be read. */
function openEntry(directory: number, entry: Dirent): number | undefined {
  const path = through(directory, entry.name);
  try {
    if (entry.isDirectory()) return openSync(path, directoryFlags);
    if (!entry.isFile()) return undefined;
    const descriptor = openPlainFile(path);
    if (!isAnothers(descriptor)) return descriptor;
    closeSync(descriptor);
  } catch {
    // It has gone, or is not for us.
  }
  return undefined;
}

/** Root reads everything, but a second name of a file that not everybody may read may have been put here by whoever wants it read. */
function isAnothers(descriptor: number): boolean {
  const { nlink, mode } = fstatSync(descriptor);
  return nlink > 1 && (mode & 0o004) === 0 && process.getuid?.() === 0;
}
