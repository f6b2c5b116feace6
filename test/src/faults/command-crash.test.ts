import t from 'tap';
import { commandOnce } from '../support/faults/command-once.js';
import { FaultStage } from '../support/faults/fault-stage.js';
import { runSeeds, seedsOfRun } from '../support/faults/seeds.js';

/** One for each of those that may die. */
const seeds = seedsOfRun(3);
t.setTimeout(120_000 + seeds.length * 60_000);

t.test(`F31: a command whose client, coordinator or agent dies has one outcome for each target, WOMBAT_SEED=${seeds[0]}`, async (t) => {
  const stage = await FaultStage.open(t);
  await stage.workshop.ok('deploy-nodes', stage.family, '--amount', '2');
  await stage.workshop.untilRunning(2);
  await runSeeds(t, stage, 'F31', seeds, (t, seed) => commandOnce(t, stage, seed));
});
