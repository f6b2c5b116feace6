import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HostPhase, type Host } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { endProcessesIn } from '../support/ending.js';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { idOf, nameOf, tellHost, tellNode } from '../support/fleet-view.js';
import { describeProcess } from '../support/processes.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

t.test('what does not belong together is shown, told once, and removed when that is said', async (t) => {
  const workshop = await Workshop.open(t, { settings: { 'hosts-start-grace-ms': '1000', 'providers-appear-within-ms': '0' } });
  const { family } = await prepareSleepers(workshop);
  await t.test('an orphan: a machine that the coordinator has forgotten', (t) => orphan(t, workshop, family));
  await t.test('a ghost: a host whose machine is not there any more', (t) => ghost(t, workshop, family));
});

async function orphan(t: Test, workshop: Workshop, family: string): Promise<void> {
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
}

async function ghost(t: Test, workshop: Workshop, family: string): Promise<void> {
  await workshop.ok('deploy-nodes', family, '--amount', '1');
  const [node] = await workshop.untilRunning(1);
  const host = await untilPhase(workshop, HostPhase.UP);
  const stray = async () => (await workshop.fleet.events()).filter(({ type, hostId }) => type.startsWith('stray.') && hostId === idOf(host)).map(({ type }) => type);

  // Its machine goes behind the coordinator's back, with all that ran on it.
  await workshop.coordinator.kill();
  await endProcessesIn(workshop.directory);
  const [directory = ''] = workshop.hostDirectories();
  rmSync(join(dirname(dirname(directory)), 'records', `${idOf(host)}.json`));
  rmSync(directory, { recursive: true });
  await workshop.coordinator.start();
  await untilPhase(workshop, HostPhase.UNKNOWN);

  const plan = expectExit(t, await workshop.wo('gc', '--plan'), 0);
  t.match(plan.stdout, new RegExp(`ghost +\\S+ +${idOf(host)} .*has no machine ${idOf(host)} any more; its host ${nameOf(host)} is unknown`), 'it is shown, with why');
  t.match(expectExit(t, await workshop.wo('gc'), 2).stderr, /WO_CONFIRMATION_NEEDED/, 'nobody has said yes');
  await untilPhase(workshop, HostPhase.UNKNOWN);
  t.strictSame(await stray(), ['stray.found'], 'until then it is only told, once');
  expectExit(t, await workshop.wo('gc', '--yes'), 0);
  const failed = await untilPhase(workshop, HostPhase.FAILED);
  t.equal(failed.lastError?.code, 'WO_MACHINE_GONE');
  t.match((await workshop.fleet.nodes()).map(tellNode), [/failed/], 'its node fails with it');
  t.strictSame(await stray(), ['stray.found', 'stray.removed']);
  t.match(expectExit(t, await workshop.wo('gc', '--plan'), 0).stderr, /every machine has its host/, 'that is all there is to say of it');

  await workshop.ok('node', 'remove', idOf(node), '--delete-data', '--yes');
  await workshop.ok('host', 'remove', idOf(host), '--yes');
  t.strictSame((await workshop.fleet.hosts()).map(tellHost), [], 'it can be removed as any other');
}

function untilPhase(workshop: Workshop, phase: HostPhase): Promise<Host> {
  return until(`the host is ${HostPhase[phase]}`, async () => {
    const hosts = await workshop.fleet.hosts();
    return hosts.find((host) => host.phase === phase) ?? notYet(hosts.map(tellHost));
  });
}
