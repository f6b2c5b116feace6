import { Header } from 'tar';

export interface ArchivedFile {
  /** Relative to where the archive is unpacked. */
  readonly path: string;
  readonly mode: number;
  /** Undefined: a directory. */
  readonly content?: Uint8Array;
}

const blockBytes = 512;

/** A tar archive of root's own files. */
export function archive(files: readonly ArchivedFile[]): Buffer {
  // It ends with two empty blocks.
  return Buffer.concat([...files.flatMap((file) => [headerOf(file), file.content ?? empty, padding(file)]), Buffer.alloc(2 * blockBytes)]);
}

const empty = Buffer.alloc(0);

function headerOf({ path, mode, content }: ArchivedFile): Buffer {
  const block = Buffer.alloc(blockBytes);
  const needsMore = new Header({ path, mode, size: content?.length ?? 0, type: content ? 'File' : 'Directory', uid: 0, gid: 0, uname: 'root', gname: 'root', mtime: new Date() }).encode(block);
  if (needsMore) throw new Error(`the path ${path} is too long for an archive`);
  return block;
}

function padding({ content = empty }: ArchivedFile): Buffer {
  return Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes);
}
