import type { Workshop } from './workshop.js';

/** Of the newest event. */
export async function lastSequence(workshop: Workshop): Promise<bigint> {
  return (await workshop.fleet.events()).at(-1)!.sequence;
}

/** Of the nodes that are told of after this event, how many were not running at once. */
export async function mostAway(workshop: Workshop, from: bigint): Promise<number> {
  const away = new Set<string>();
  let most = 0;
  for (const { type, nodeId, reason } of await workshop.fleet.eventsAfter(from)) {
    if (type !== 'node.phase') continue;
    if (reason === 'running') away.delete(nodeId);
    else away.add(nodeId);
    most = Math.max(most, away.size);
  }
  return most;
}
