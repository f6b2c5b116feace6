import { chmod, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** As many as libuv has threads by default: the file system gathers what is synced at once. */
const parallel = 4;

/** Brings every file and directory of a tree to the disk. */
export async function syncTree(root: string): Promise<void> {
  const folders: string[] = [];
  const files: string[] = [];
  const pending = [root];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    folders.push(folder);
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) pending.push(join(folder, entry.name));
      else if (entry.isFile()) files.push(join(folder, entry.name));
    }
  }
  await inParallel(files, syncPath);
  await inParallel(folders, syncPath);
}

/** Read-only from the deepest up; the bits of files were set when they were written. */
export async function protectFolders(root: string): Promise<void> {
  for (const entry of await readdir(root, { withFileTypes: true })) {
    if (entry.isDirectory()) await protectFolders(join(root, entry.name));
  }
  await chmod(root, 0o555);
}

/** The name of a file or directory outlives a power cut only when what holds it is synced. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function inParallel(paths: readonly string[], work: (path: string) => Promise<void>): Promise<void> {
  const rest = paths.values();
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      for (const path of rest) await work(path);
    }),
  );
}
