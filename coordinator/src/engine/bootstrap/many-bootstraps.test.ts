import { systemClock } from '@wombat/proto';
import t from 'tap';
import { SimulatedFamilies } from './testing/simulated-families.js';

const isFull = Boolean(process.env['WOMBAT_TEST_FULL']);
const size = isFull ? { families: 1_000, deadlineMs: 10_000, coordinatorLivesMs: 5_000 } : { families: 30, deadlineMs: 400, coordinatorLivesMs: 300 };

t.setTimeout(600_000);

/**
 * Families of five whose nodes stall, join without saying so, fail, are restarted, and fall silent all at once, drawn by
 * a seed; and a coordinator that dies again and again meanwhile.
 */
for (const strategy of ['serial', 'parallel'] as const) {
  t.test(`${size.families} families form at the same time, ${strategy}: none is split`, async (test) => {
    const simulated = await SimulatedFamilies.of(test, { ...size, nodes: 5, strategy, seed: 'wombat' });
    const until = performance.now() + (isFull ? 280_000 : 60_000);
    while (performance.now() < until && (await simulated.unfinished()).length > 0) {
      if (simulated.restarts < 10) simulated.restart();
      await systemClock.sleep(size.coordinatorLivesMs);
    }
    test.same(await simulated.unfinished(), [], 'every node has joined, and each family is told to be one cluster');
    test.same(simulated.split(), [], 'and is one, whatever is told');
    test.ok(simulated.restarts >= 5, `the coordinator died ${simulated.restarts} times meanwhile`);
    for (const [fault, times] of Object.entries(simulated.faults)) test.ok(times > 0, `${fault}: ${times} times`);
  });
}
