import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from '@wombat/plugin-sdk';
import { writeByRename } from './files.js';
import { chooseEpmdPort, chooseSubnet, subnetPattern } from './subnet.js';

const stateSchema = z.object({
  version: z.literal(1),
  subnet: z.string().regex(subnetPattern),
  epmdPort: z.number().int().min(1).max(65_535),
});

/** What a registered `local` provider keeps for all its hosts. */
export type LocalState = z.infer<typeof stateSchema>;

/**
 * Reads the state, or chooses it at first use. A subnet that is asked for replaces the recorded one only
 * while there are no hosts, whose addresses would no longer fit.
 */
export async function loadState(dataDirectory: string, askedSubnet: string | undefined, hasHosts: boolean): Promise<LocalState> {
  const path = join(dataDirectory, 'state.json');
  const recorded = await readState(path);
  const subnet = hasHosts && recorded ? recorded.subnet : (askedSubnet ?? recorded?.subnet ?? (await chooseSubnet()));
  if (recorded?.subnet === subnet) return recorded;
  const state: LocalState = { version: 1, subnet, epmdPort: recorded?.epmdPort ?? (await chooseEpmdPort()) };
  await writeByRename(path, `${JSON.stringify(state, undefined, 2)}\n`);
  return state;
}

async function readState(path: string): Promise<LocalState | undefined> {
  try {
    return stateSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
