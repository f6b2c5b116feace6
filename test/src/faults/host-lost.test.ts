import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostPhase, NodePhase, OperationKind, OperationState, type Host, type Node } from '@wombat/proto/control';
import t from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { idOf, nameOf, tellNode } from '../support/fleet-view.js';
import { openParted } from '../support/network.js';
import { startTimeOf } from '../support/processes.js';
import { sleeper } from '../support/releases.js';
import { notYet, until } from '../support/until.js';
import type { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

/** `scripts/test --full` takes its time. */
const full = Boolean(process.env['WOMBAT_TEST_FULL']);
/** Minutes of the default settings are seconds here. */
const settings = { 'hosts-silent-after-ms': '2000', 'hosts-lost-after-ms': '1000', 'hosts-start-grace-ms': '1000' };

async function hostOf(workshop: Workshop, hostId: string, phase: HostPhase): Promise<Host> {
  return until(`host ${hostId} is ${HostPhase[phase]}`, async () => {
    const hosts = await workshop.fleet.hosts();
    return hosts.find((host) => idOf(host) === hostId && host.phase === phase) ?? notYet(hosts.map((host) => [nameOf(host), HostPhase[host.phase], host.waiting?.reason]));
  }, { withinMs: 60_000 });
}

function dataOf(workshop: Workshop, node: Node): string {
  return join(workshop.nodeDirectories().find((directory) => directory.endsWith(idOf(node))) ?? '', 'data');
}

/** Processes of a node that live. */
function programsOf(workshop: Workshop, node: Node): number[] {
  return workshop.processesOfNode(idOf(node)).filter(({ argv }) => argv[0] === 'sleep').map(({ pid }) => pid);
}

t.test('nodes of a lost host are replaced as their family says; the old ones end before anything else when the host comes back', async (t) => {
  const { workshop, network } = await openParted(t, { settings });
  const { family } = await prepareSleepers(workshop, { nodesPerHost: 1, flags: ['--replace', '1s'] });
  await workshop.ok('deploy-nodes', family, '--amount', '3');
  const before = await workshop.untilRunning(3);
  const [old, second, third] = before as [Node, Node, Node];


  await t.test('after a time', async (t) => {
    writeFileSync(join(dataOf(workshop, old), 'treasure'), 'kept');
    network.lose('both', [old.hostId]);
    const lost = await hostOf(workshop, old.hostId, HostPhase.LOST);
    t.match(lost.waiting?.reason, new RegExp(`^${nameOf(old)} is (to be replaced|not replaced)|will be removed`), 'it says what is to come');
    const status = await workshop.ok('status', family);
    t.match(status, /nodes of a lost host are replaced: when their host has been lost for 1s/);
    t.match(await workshop.ok('host', 'list'), new RegExp(`${nameOf(lost)} +lost`), 'the list of hosts says so');
    const replacing = await until('an operation replaces it', async () => (await workshop.fleet.operations()).find(({ kind, finishedAt }) => kind === OperationKind.REPLACE && finishedAt) ?? notYet('none'));
    t.equal(replacing.state, OperationState.SUCCEEDED, 'it is done', { error: replacing.error });
    t.equal(replacing.principal, 'healing');

    t.same(programsOf(workshop, old).length, 1, 'behind the parted network the old node runs on');
    const nodes = await workshop.fleet.nodes();
    const running = nodes.filter(({ phase }) => phase === NodePhase.RUNNING);
    t.equal(running.length, 3, 'as many run as were asked for', { nodes: nodes.map(tellNode) });
    t.notOk(running.some((node) => nameOf(node) === nameOf(old)), 'none of them under the name of the old one');
    t.equal(new Set(nodes.map(nameOf)).size, nodes.length, 'no name is there twice');

    const [pid] = programsOf(workshop, old);
    network.heal();
    await hostOf(workshop, old.hostId, HostPhase.UP);
    await until('the old node is gone', async () => (await workshop.fleet.nodes()).every((node) => idOf(node) !== idOf(old)) || notYet((await workshop.fleet.nodes()).map(tellNode)), { withinMs: 10_000 });
    t.equal(startTimeOf(pid ?? 0), undefined, 'its process has ended');
    t.equal(readFileSync(join(dataOf(workshop, old), 'treasure'), 'utf8'), 'kept', 'its data is kept');
    t.strictSame((await workshop.fleet.nodes()).filter(({ phase }) => phase === NodePhase.RUNNING).map(idOf).sort(), running.map(idOf).sort(), 'the others are left alone');
    const phases = (await workshop.fleet.events('host.phase')).filter(({ hostId, reason }) => hostId === old.hostId && reason === 'lost');
    t.equal(phases.length, 1, 'one event says that it was lost');
  });
  if (!full) return;

  await t.test('when somebody says so', async (t) => {
    await workshop.ok('family', 'policy', family, '--replace', 'ask');
    t.match(await workshop.ok('family', 'show', family), /replacement +ask/);
    expectExit(t, await workshop.wo('host', 'replace', second.hostId, '--yes'), 8, 'a host that is up is not replaced');
    network.lose('both', [second.hostId]);
    const lost = await hostOf(workshop, second.hostId, HostPhase.LOST);
    t.match(lost.waiting?.reason, `wo host replace ${nameOf(lost)}`, 'it says what to type');
    t.match(await workshop.ok('status', family), `wo host replace ${nameOf(lost)}`, 'so does the status of the family');
    const doctor = await workshop.wo('doctor');
    t.match(doctor.stdout, /WARN.*lost/, 'the doctor warns');
    expectExit(t, await workshop.wo('host', 'replace', second.hostId, '--yes'), 0, 'its node is replaced');
    network.heal();
    await hostOf(workshop, second.hostId, HostPhase.UP);
    const left = await workshop.untilRunning(3, { withinMs: 20_000 });
    t.notOk(left.some((node) => idOf(node) === idOf(second)), 'the old one is gone');
    t.same(programsOf(workshop, second), [], 'and its process has ended');
  });

  await t.test('when somebody knows that the machine is dead', async (t) => {
    network.lose('both', [third.hostId]);
    await hostOf(workshop, third.hostId, HostPhase.UNKNOWN).catch(() => undefined);
    expectExit(t, await workshop.wo('host', 'replace', third.hostId, '--fenced', '--yes'), 0, 'without waiting for anything');
    const left = await workshop.untilRunning(3, { withinMs: 20_000 });
    t.notOk(left.some((node) => idOf(node) === idOf(third)), 'the old one is gone');
    await until('its host is gone', async () => (await workshop.fleet.hosts()).every((host) => idOf(host) !== third.hostId) || notYet((await workshop.fleet.hosts()).map((host) => HostPhase[host.phase])));
    t.notOk(workshop.hostDirectories().some((directory) => directory.endsWith(third.hostId) && existsSync(directory)), 'and its machine, with what ran on it');
    t.same(programsOf(workshop, third), [], 'nothing of it runs');
    network.heal();
  });
});

t.test('a host that is lost in the middle of its drain drains on when it comes back', async (t) => {
  const { workshop, network } = await openParted(t, { settings });
  const gate = join(workshop.directory, 'gate');
  // Not yet, until the gate is open.
  const drain = { name: 'drain', lines: ['[ -e "$GATE" ] || exit 75'] };
  const manifest = { path: 'wombat.release.yaml', contents: 'apiVersion: wombat/v1\nstart: bin/start\ndrain: bin/drain\ndrainTimeout: 5m\n' };
  const { family } = await prepareSleepers(workshop, { scripts: [sleeper, drain], files: [manifest], flags: ['--env', `GATE=${gate}`] });
  await workshop.ok('deploy-nodes', family, '--amount', '1');
  const [node] = await workshop.untilRunning(1);
  const hostId = node?.hostId ?? '';
  const operation = await workshop.ok('host', 'drain', hostId, '--yes', '--detach');
  await hostOf(workshop, hostId, HostPhase.DRAINING);
  network.lose('both', [hostId]);
  const lost = await hostOf(workshop, hostId, HostPhase.LOST);
  t.match(lost.waiting?.reason, 'its drain goes on when it comes back', 'it says what is to come');
  t.match((await workshop.fleet.nodes()).map(tellNode), [/unknown/], 'its node has not failed');
  writeFileSync(gate, '');
  network.heal();
  expectExit(t, await workshop.wo('operation', 'watch', operation), 0);
  await hostOf(workshop, hostId, HostPhase.DRAINING);
  t.strictSame((await workshop.fleet.nodes()).map(tellNode), [], 'and its node is gone');
});
