import t from 'tap';
import { crashOnce } from '../support/faults/crash-once.js';
import { FaultStage } from '../support/faults/fault-stage.js';
import { runSeeds, seedsOfRun } from '../support/faults/seeds.js';

const seeds = seedsOfRun(5);
t.setTimeout(120_000 + seeds.length * 60_000);

t.test(`F1: a coordinator that dies at any step goes on where it was, WOMBAT_SEED=${seeds[0]}`, async (t) => {
  const stage = await FaultStage.open(t);
  await runSeeds(t, stage, 'F1', seeds, (t, seed) => crashOnce(t, stage, 'coordinator', seed));
});
