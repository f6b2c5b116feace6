import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { seededRandom } from '../seeded-random.js';
import type { FaultStage } from './fault-stage.js';
import { liveOnce } from './life-of-nodes.js';
import { momentOf } from './moments.js';

/** One life of nodes during which a coordinator or an agent dies once. Answers when it died, for messages. */
export async function crashOnce(t: Test, stage: FaultStage, program: 'coordinator' | 'agent', seed: number): Promise<string> {
  const moment = momentOf(program, seed);
  if (moment.kind === 'time') {
    await stage.begin();
    const kill = (): Promise<void> => (program === 'coordinator' ? stage.killCoordinator() : stage.killAgent(seededRandom(String(seed))));
    await Promise.all([liveOnce(stage), sleep(moment.afterMs).then(kill)]);
    return `killed after ${moment.afterMs} ms`;
  }
  await stage.begin(moment);
  if (program === 'agent') await stage.lookingAt(moment.name, () => liveOnce(stage));
  else await liveOnce(stage);
  if (moment.passing === 1) t.ok(stage.hasActed(moment.name), `${moment.name} was passed`);
  return `${moment.name}, passing ${moment.passing}`;
}
