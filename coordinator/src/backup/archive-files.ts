import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Header } from 'tar';
import { limits } from '@wombat/proto';

const blockBytes = 512;

/**
 * A tar archive of these files, in pieces of at most 256 KiB. One file is open at a time, and none when the reader goes away
 * in the middle: tar's own `create` keeps those open that it has begun.
 */
export async function* archiveFiles(directory: string, names: readonly string[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (const name of names) {
    const file = join(directory, name);
    const { size, mode, mtime } = await stat(file);
    yield headerOf(name, size, mode & 0o777, mtime);
    for await (const chunk of createReadStream(file, { highWaterMark: limits.artifactChunkBytes })) {
      signal.throwIfAborted();
      yield chunk as Buffer;
    }
    if (size % blockBytes > 0) yield Buffer.alloc(blockBytes - (size % blockBytes));
  }
  yield Buffer.alloc(2 * blockBytes);
}

function headerOf(name: string, size: number, mode: number, mtime: Date): Buffer {
  const block = Buffer.alloc(blockBytes);
  const needsMore = new Header({ path: name, type: 'File', size, mode, mtime }).encode(block, 0);
  if (needsMore) throw new Error(`${name} does not fit into the header of an archive`);
  return block;
}
