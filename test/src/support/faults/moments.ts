import { createHash } from 'node:crypto';
import { failpointNames, type FailpointName } from '@wombat/proto/failpoints';
import { seededRandom } from '../seeded-random.js';

/** When something dies: at a failpoint, or any number of milliseconds after the beginning. */
export type Moment = { readonly kind: 'failpoint'; readonly name: FailpointName; readonly passing: number } | { readonly kind: 'time'; readonly afterMs: number };

/** Of so many seeds in a row one is a moment of time. */
const timeEvery = 5;
const latestMs = 2_000;

/** What an agent leaves to a helper process now and then is not passed by itself. */
const notAlwaysPassed: readonly FailpointName[] = ['agent.unpack.during'];

/** What a life of nodes does not come by: updates and files have tests of their own, update-crash.test.ts and cli/files.test.ts, and healing has its unit tests. */
const ofOtherLives = /^(coordinator\.(update|turn|healing)|agent\.(put|pull))\./;

/** Consecutive seeds go through all failpoints of the program, in an order without meaning. */
export function momentOf(program: 'coordinator' | 'agent', seed: number): Moment {
  const random = seededRandom(`${program}/${seed}`);
  if (seed % timeEvery === 0) return { kind: 'time', afterMs: Math.floor(random() * latestMs) };
  const names = failpointNames.filter((name) => name.startsWith(`${program}.`) && !notAlwaysPassed.includes(name) && !ofOtherLives.test(name)).sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
  const index = Math.floor(seed / timeEvery) * (timeEvery - 1) + (seed % timeEvery) - 1;
  return { kind: 'failpoint', name: names[index % names.length]!, passing: random() < 0.7 ? 1 : 2 };
}

function orderOf(name: string): string {
  return createHash('sha256').update(name).digest('hex');
}
