import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the programs of a run are at home; only what is temporary may be written there. */
export interface Homes {
  readonly home: string;
  readonly work: string;
  readonly temporary: string;
}

export async function makeHomes(directory: string): Promise<Homes> {
  const homes = { home: join(directory, 'home'), work: join(directory, 'work'), temporary: join(directory, 'tmp') };
  for (const path of Object.values(homes)) await mkdir(path, { mode: 0o700 });
  return homes;
}
