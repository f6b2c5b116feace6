import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { FaultStage } from '../support/faults/fault-stage.js';
import { liveOnce } from '../support/faults/life-of-nodes.js';
import { momentOf } from '../support/faults/moments.js';
import { runSeeds, seedsOfRun } from '../support/faults/seeds.js';
import { seededRandom } from '../support/seeded-random.js';

/** `scripts/test --full` takes its time. */
const seeds = seedsOfRun(process.env['WOMBAT_TEST_FULL'] ? 25 : 1);
t.setTimeout(120_000 + seeds.length * 90_000);

t.test(`F4: coordinator and agents that die several times in one life, WOMBAT_SEED=${seeds[0]}`, async (t) => {
  const stage = await FaultStage.open(t);
  await runSeeds(t, stage, 'F4', seeds, async (_, seed) => {
    const points = [momentOf('coordinator', seed), momentOf('agent', seed)].filter((moment) => moment.kind === 'failpoint');
    await stage.begin(...points);
    const random = seededRandom(`kills/${seed}`);
    const told = await Promise.all([killSome(stage, random), liveOnce(stage)]);
    return [...points.map(({ name }) => name), ...told[0]].join(', ');
  });
});

/** One after another; answers when, for messages. */
async function killSome(stage: FaultStage, random: () => number): Promise<string[]> {
  const kills: string[] = [];
  for (let left = 1 + Math.floor(random() * 3); left > 0; left -= 1) {
    const [waitMs, isCoordinator] = [Math.floor(random() * 1_500), random() < 0.5];
    await sleep(waitMs);
    kills.push(`${isCoordinator ? 'coordinator' : 'agent'} after ${waitMs} ms`);
    if (isCoordinator) await stage.killCoordinator();
    else await stage.killAgent(random);
  }
  return kills;
}
