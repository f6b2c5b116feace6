import { isId, nearest } from '@wombat/proto';
import { presentHostPhases } from '../domain/states/host-states.js';
import { presentPhases } from '../domain/states/node-states.js';
import type { Collection, Kind, Reader, Where } from '../store/store.js';

/** On either side of the reference in the order of names: whoever errs mostly begins right, and 10,000 names cost time. */
const namesLookedAt = 500;

const present: { readonly [K in Kind]?: Where<K> } = {
  nodes: { phase: presentPhases },
  hosts: { phase: presentHostPhases },
};

/**
 * What a mistyped reference most probably meant, of the objects of these kinds that are still there.
 * Only for answers to who may read: every role may.
 */
export async function nearestName<K extends Kind>(read: Pick<Reader, K>, kinds: readonly K[], reference: string): Promise<string | undefined> {
  if (isId(reference)) return undefined;
  const names: string[] = [];
  for (const kind of kinds) {
    const collection = read[kind] as Collection<K>;
    names.push(...await collection.namesAround(reference, namesLookedAt, present[kind]));
  }
  return nearest(reference, names);
}

/** `did you mean ...? ` before a hint, or the hint alone. */
export async function hintWithNearest<K extends Kind>(read: Pick<Reader, K>, kinds: readonly K[], reference: string, hint: string): Promise<string> {
  const name = await nearestName(read, kinds, reference);
  return name === undefined ? hint : `did you mean ${JSON.stringify(name)}? ${hint}`;
}
