import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export function cookieFile(homeDirectory: string): string {
  return join(homeDirectory, '.erlang.cookie');
}

/** Puts the cookie where Erlang looks for it, readable by the node's user only. */
export async function writeCookie(homeDirectory: string, cookie: Uint8Array): Promise<void> {
  const file = cookieFile(homeDirectory);
  if (await holds(file, cookie)) return;
  const staged = `${file}.new`;
  await rm(staged, { force: true });
  await writeFile(staged, cookie, { mode: 0o400, flag: 'wx' });
  await chmod(staged, 0o400);
  await rename(staged, file);
}

async function holds(file: string, cookie: Uint8Array): Promise<boolean> {
  try {
    return (await readFile(file)).equals(cookie);
  } catch {
    return false;
  }
}
