import type { Candidate, Selector } from './selector.js';

/** Contacts that a node is given at most, whoever selects: a family of thousands must not know itself by heart. */
export const mostContacts = 50;

/** Contacts that a node is given by `random`. */
export const randomContacts = 3;

/** Up to three members, drawn by chance that the joining node's id decides. */
const random: Selector = (joiningNodeId, candidates) => {
  // Each candidate is weighed by itself: one that leaves changes the choice only where it was chosen.
  const weighed = candidates.map((candidate) => ({ candidate, weight: weigh(`${joiningNodeId} ${candidate.nodeId}`) }));
  weighed.sort((left, right) => left.weight - right.weight || compareIds(left.candidate, right.candidate));
  return weighed.slice(0, randomContacts).map(({ candidate }) => candidate);
};

/** The member that has been one for longest. */
const oldest: Selector = (_, candidates) => byAge(candidates).slice(0, 1);

/** Every member, the oldest first; of a large family the oldest only. */
const all: Selector = (_, candidates) => byAge(candidates);

const selectors: ReadonlyMap<string, Selector> = new Map([['random', random], ['oldest', oldest], ['all', all]]);

export const selectorNames: readonly string[] = [...selectors.keys()];

/** Undefined: there is no such selector. A node is never its own contact. */
export function findSelector(name: string): Selector | undefined {
  const selector = selectors.get(name);
  return selector && ((joiningNodeId, candidates) => selector(joiningNodeId, candidates.filter(({ nodeId }) => nodeId !== joiningNodeId)).slice(0, mostContacts));
}

function byAge<C extends Candidate>(candidates: readonly C[]): readonly C[] {
  return [...candidates].sort((left, right) => left.memberSince - right.memberSince || compareIds(left, right));
}

function compareIds(left: Candidate, right: Candidate): number {
  return left.nodeId < right.nodeId ? -1 : 1;
}

/** FNV-1a over UTF-16 units, then mixed: spreads like chance, and is the same everywhere. */
function weigh(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
