import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { prepareSleepers } from '../support/families.js';
import { checkDeployed } from '../support/invariants.js';
import type { Script } from '../support/releases.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

const amount = 4;

/** Each start and each join leaves a line; a join takes its time, so that it can be interrupted. */
const scripts: readonly Script[] = [
  { name: 'start', lines: ['echo start >>"$WOMBAT_DATA_DIR/starts"', 'exec sleep 1000000'] },
  { name: 'bootstrap', lines: ['echo join >>"$WOMBAT_DATA_DIR/joins"', 'sleep 0.3'] },
];

/** True when the coordinator shall be killed: looked up past the coordinator, often. */
type Moment = (workshop: Workshop) => boolean;

const moments: Readonly<Record<string, Moment>> = {
  'as soon as the operation is accepted': () => true,
  'when the first agent runs': (workshop) => workshop.agents().length > 0,
  'when the first node is started': (workshop) => filesOfNodes(workshop, 'starts').length > 0,
  'when the first node joins': (workshop) => filesOfNodes(workshop, 'joins').length > 0,
};

for (const [name, moment] of Object.entries(moments)) {
  t.test(`a coordinator killed ${name} goes on where it was`, async (t) => {
    const { workshop, operation } = await startDeploy(t);
    await killAt(workshop, name, moment);
    await workshop.coordinator.start();
    await checkOutcome(t, workshop, operation);
  });
}

t.test('a coordinator killed at every step of one deploy goes on where it was', async (t) => {
  const { workshop, operation } = await startDeploy(t);
  for (const [name, moment] of Object.entries(moments)) {
    await killAt(workshop, name, moment);
    await workshop.coordinator.start();
  }
  await checkOutcome(t, workshop, operation);
});

async function startDeploy(t: Test): Promise<{ workshop: Workshop; operation: string }> {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop, { scripts, flags: ['--clust', 'custom', '--clust-opt', 'cmd:bin/bootstrap'] });
  const started = await workshop.wo('deploy-nodes', family, '--amount', String(amount), '--detach');
  return { workshop, operation: started.stdout.trim() };
}

async function killAt(workshop: Workshop, name: string, moment: Moment): Promise<void> {
  await until(`the moment comes: ${name}`, () => moment(workshop) || notYet(workshop.hostDirectories()), { everyMs: 5 });
  await workshop.coordinator.kill();
}

async function checkOutcome(t: Test, workshop: Workshop, operation: string): Promise<void> {
  await checkDeployed(t, workshop, { operation, nodes: amount, hosts: amount / 2 });
  const starts = filesOfNodes(workshop, 'starts');
  t.strictSame(starts.map((path) => readFileSync(path, 'utf8')), starts.map(() => 'start\n'), 'every node was started once');
  t.equal(filesOfNodes(workshop, 'joins').length, amount, 'every node joined');
}

function filesOfNodes(workshop: Workshop, name: string): string[] {
  return workshop.nodeDirectories().map((directory) => join(directory, 'data', name)).filter((path) => existsSync(path));
}
