import { closeSync, constants, createReadStream, fchmodSync, linkSync, mkdirSync, openSync, symlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { JudgedEntry } from '@wombat/proto';
import { readArchive, type EntrySink } from '@wombat/proto/archive';
import { failpoint } from '@wombat/proto/failpoints';
import { auditTree } from './audit-tree.js';
import { asDiskFull } from './disk-full.js';
import { syncTree } from './sync-tree.js';
import type { Unpacked, UnpackRequest } from './unpacker.js';

/**
 * Writes the tree of a tarball: every entry is judged before it is written, every file is made new and never through
 * a link, and what lies there in the end is looked at once more. Then it is on the disk, read-only.
 */
export async function unpackArchive(request: UnpackRequest, signal: AbortSignal): Promise<Unpacked> {
  const { archivePath, directory, sizeBytes } = request;
  const writer = new TreeWriter(directory);
  const source = createReadStream(archivePath, { highWaterMark: 256 * 1024 });
  try {
    const { topFolder } = await readArchive({ source, sizeBytes, signal, visit: (entry) => writer.write(entry) });
    await auditTree(join(directory, topFolder));
    await syncTree(directory);
    return { topFolder };
  } catch (error) {
    throw await asDiskFull(error, directory, sizeBytes);
  } finally {
    writer.close();
    source.destroy();
  }
}

const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Synchronous, as the parser is: one chunk is on its way at a time. */
class TreeWriter {
  readonly #directory: string;
  readonly #made = new Set<string>();
  #open: number | undefined;

  constructor(directory: string) {
    this.#directory = directory;
    this.#made.add(directory);
  }

  write(entry: JudgedEntry): EntrySink | undefined {
    void failpoint('agent.unpack.during');
    const path = join(this.#directory, entry.path);
    if (entry.kind === 'directory') {
      this.#makeDirectory(path);
      return undefined;
    }
    this.#makeDirectory(dirname(path));
    if (entry.kind === 'file') return this.#file(path, entry.executable);
    if (entry.kind === 'symbolicLink') symlinkSync(entry.target, path);
    else linkSync(join(this.#directory, entry.target), path);
    return undefined;
  }

  close(): void {
    if (this.#open !== undefined) closeSync(this.#open);
    this.#open = undefined;
  }

  #makeDirectory(path: string): void {
    if (this.#made.has(path)) return;
    this.#makeDirectory(dirname(path));
    mkdirSync(path, { mode: 0o755 });
    this.#made.add(path);
  }

  #file(path: string, isExecutable: boolean): EntrySink {
    const file = openSync(path, newFile, 0o600);
    this.#open = file;
    return {
      write(chunk) {
        for (let written = 0; written < chunk.length; ) written += writeSync(file, chunk, written);
      },
      end: () => {
        fchmodSync(file, isExecutable ? 0o555 : 0o444);
        this.close();
      },
    };
  }
}
