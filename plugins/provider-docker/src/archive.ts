import { Header } from 'tar';

export interface ArchivedFile {
  /** Relative to where the archive is unpacked. */
  readonly path: string;
  readonly mode: number;
  readonly content: Uint8Array;
}

const blockBytes = 512;

/** A tar archive of root's own files. */
export function archive(files: readonly ArchivedFile[]): Buffer {
  // It ends with two empty blocks.
  return Buffer.concat([...files.flatMap(({ content, ...file }) => [headerOf(file, content.length), content, padding(content.length)]), Buffer.alloc(2 * blockBytes)]);
}

function headerOf({ path, mode }: Omit<ArchivedFile, 'content'>, size: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  const needsMore = new Header({ path, mode, size, type: 'File', uid: 0, gid: 0, uname: 'root', gname: 'root', mtime: new Date() }).encode(block);
  if (needsMore) throw new Error(`the path ${path} is too long for an archive`);
  return block;
}

function padding(size: number): Buffer {
  return Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes);
}
