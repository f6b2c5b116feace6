import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { describeProcess } from '../support/processes.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

t.test('a machine that the coordinator has forgotten is an orphan: shown, told once, and removed when that is said', async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop);
  const archive = await workshop.ok('backup', workshop.directory);
  await workshop.ok('deploy-nodes', family, '--amount', '1');
  const [node] = await workshop.untilRunning(1);
  const machine = node?.hostId ?? '';
  t.match(expectExit(t, await workshop.wo('gc', '--plan'), 0).stderr, /every machine has its host/);

  // The coordinator comes back from before the host was made.
  await workshop.coordinator.kill();
  const { directory } = workshop.coordinator;
  for (const entry of readdirSync(directory)) if (entry !== 'providers') rmSync(join(directory, entry), { recursive: true });
  await workshop.ok('restore', archive, '--directory', directory);
  await workshop.coordinator.start();

  const plan = expectExit(t, await workshop.wo('gc', '--plan'), 0);
  t.match(plan.stdout, new RegExp(`orphan +\\S+ +${machine} .*this coordinator has no host for it`), 'it is shown, with why');
  t.equal(expectExit(t, await workshop.wo('gc'), 2).stderr.includes('WO_CONFIRMATION_NEEDED'), true, 'nobody has said yes');
  t.equal(workshop.agents(machine).length, 1, 'until then nothing happens to it');
  expectExit(t, await workshop.wo('gc', '--yes'), 0);
  t.strictSame(workshop.agents().map(describeProcess), [], 'its agent has ended');
  t.strictSame(workshop.hostDirectories(), [], 'and its directory is gone');
  t.match(expectExit(t, await workshop.wo('gc', '--plan'), 0).stderr, /every machine has its host/);
  const told = (await workshop.fleet.events()).filter(({ type }) => type.startsWith('stray.')).map(({ type }) => type);
  t.strictSame(told, ['stray.found', 'stray.removed'], 'once each');
});
