import { closeSync, constants, fstatSync, readFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunAs } from '../accounts/run-as.js';
import { openPlainFile } from '../logs/plain-file.js';

export function cookieFile(homeDirectory: string): string {
  return join(homeDirectory, '.erlang.cookie');
}

/** Puts the cookie where Erlang looks for it, readable by the node's user only; whatever that user has planted there is not followed. */
export async function writeCookie(homeDirectory: string, cookie: Uint8Array, owner?: RunAs): Promise<void> {
  const file = cookieFile(homeDirectory);
  if (holds(file, cookie)) return;
  const staged = `${file}.new`;
  await rm(staged, { force: true });
  const handle = await open(staged, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o400);
  try {
    await handle.writeFile(cookie);
    await handle.chmod(0o400);
    if (owner) await handle.chown(owner.uid, owner.gid);
  } finally {
    await handle.close();
  }
  await rename(staged, file);
}

function holds(file: string, cookie: Uint8Array): boolean {
  try {
    const descriptor = openPlainFile(file);
    try {
      // Its user may have put a file of any size there.
      return fstatSync(descriptor).size === cookie.length && readFileSync(descriptor).equals(cookie);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return false;
  }
}
