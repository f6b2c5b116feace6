import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UsageError } from '../usage-error.js';
import type { ContextEntry } from './config-file.js';

const folder = 'contexts';

/** The name is that of a folder too. */
export function checkContextName(name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) throw new UsageError(`a context is named by at most 64 letters, digits, dots, hyphens and underscores: ${JSON.stringify(name)}`);
}

export interface ContextSecrets {
  readonly token: string;
  readonly caPem: string;
}

/** Writes what a context needs beside config.toml, and answers it as the entry names it. */
export async function saveContextFiles(configPath: string, name: string, { token, caPem }: ContextSecrets): Promise<Pick<ContextEntry, 'tokenFile' | 'caFile'>> {
  const own = join(dirname(configPath), folder, name);
  await mkdir(own, { recursive: true, mode: 0o700 });
  const [tokenFile, caFile] = [join(own, 'operator.token'), join(own, 'ca.crt')];
  // Anew, so that the mode is ours whatever was there.
  await rm(tokenFile, { force: true });
  await writeFile(tokenFile, `${token}\n`, { mode: 0o600, flag: 'wx' });
  await writeFile(caFile, caPem, { mode: 0o644 });
  return { tokenFile, caFile };
}

/** Only what was saved for the context: files that somebody else keeps are left alone. */
export async function removeContextFiles(configPath: string, name: string): Promise<void> {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) await rm(join(dirname(configPath), folder, name), { recursive: true, force: true });
}
