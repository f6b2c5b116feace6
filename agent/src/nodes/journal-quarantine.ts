import { link, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Enough to look into what happens again and again; a disk is not filled by it. */
const kept = 3;

/** A name beside the file for what it holds now, which stays there under its own name as well. Answers that name. */
export async function keepAside(file: string, nowMs: number): Promise<string> {
  const aside = await freeName(file, nowMs);
  await link(file, join(dirname(file), aside));
  return aside;
}

/** The same for what cannot be read at all: its own name is free afterwards. It takes no space, so a full disk is no obstacle. */
export async function moveAside(file: string, nowMs: number): Promise<string> {
  const aside = await freeName(file, nowMs);
  await rename(file, join(dirname(file), aside));
  return aside;
}

/** Removes the oldest of more than a few. */
async function freeName(file: string, nowMs: number): Promise<string> {
  const prefix = `${basename(file)}.damaged-`;
  const earlier = (await readdir(dirname(file))).filter((name) => name.startsWith(prefix)).sort();
  for (const name of earlier.slice(0, Math.max(0, earlier.length - kept + 1))) await rm(join(dirname(file), name), { recursive: true, force: true });
  const name = `${prefix}${nowMs}`;
  return earlier.includes(name) ? `${name}-${process.pid}` : name;
}
