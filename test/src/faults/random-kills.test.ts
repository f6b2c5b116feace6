import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { prepareSleepers } from '../support/families.js';
import { idOf } from '../support/fleet-view.js';
import { checkDeployed } from '../support/invariants.js';
import { describeProcess, signalProcess } from '../support/processes.js';
import { sleeper } from '../support/releases.js';
import { chooseSeed, seededRandom } from '../support/seeded-random.js';
import { Workshop } from '../support/workshop.js';

/** `scripts/test --full` takes its time. */
const rounds = process.env['WOMBAT_TEST_FULL'] ? 25 : 1;
const seed = chooseSeed();
const random = seededRandom(seed);
t.setTimeout(180_000 + rounds * 30_000);

t.test(`coordinator and agents killed at moments of chance, WOMBAT_SEED=${seed}`, async (t) => {
  const workshop = await Workshop.open(t);
  const join = { name: 'join', lines: ['sleep 0.2'] };
  const { family } = await prepareSleepers(workshop, { scripts: [sleeper, join], flags: ['--clust', 'custom', '--clust-opt', 'cmd:bin/join'] });
  for (let round = 1; round <= rounds; round += 1) {
    await t.test(`round ${round}`, async (t) => {
      const { stdout } = await workshop.wo('deploy-nodes', family, '--amount', '4', '--detach');
      await killSome(t, workshop);
      await checkDeployed(t, workshop, { operation: stdout.trim(), nodes: 4, hosts: 2 });
      await clear(t, workshop, family);
    });
  }
});

async function killSome(t: Test, workshop: Workshop): Promise<void> {
  for (let kills = 1 + Math.floor(random() * 3); kills > 0; kills -= 1) {
    const waitMs = Math.floor(random() * 1_500);
    await sleep(waitMs);
    if (random() < 0.6) {
      t.comment(`coordinator killed after ${waitMs} ms`);
      await workshop.restartCoordinator();
    } else {
      const agents = workshop.agents();
      t.comment(`one of ${agents.length} agents killed after ${waitMs} ms`);
      const chosen = agents[Math.floor(random() * agents.length)];
      if (chosen) signalProcess(chosen, 'SIGKILL');
    }
  }
}

async function clear(t: Test, workshop: Workshop, family: string): Promise<void> {
  await workshop.ok('node', 'remove', family, '--delete-data', '--yes');
  for (const host of await workshop.fleet.hosts()) await workshop.ok('host', 'remove', idOf(host), '--yes');
  const left = workshop.processes().filter(({ pid }) => pid !== workshop.coordinator.pid);
  t.strictSame(left.map(describeProcess), [], 'nothing but the coordinator is left');
  t.strictSame(workshop.hostDirectories(), [], 'nor a directory of a host');
}
