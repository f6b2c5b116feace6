import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HostPhase } from '@wombat/proto/control';
import t from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { idOf, tellNode } from '../support/fleet-view.js';
import { describeProcess } from '../support/processes.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

t.test('a drained host loses its nodes and gets no new ones; then it can be removed', async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop, { nodesPerHost: 2 });
  await workshop.ok('deploy-nodes', family, '--amount', '3');
  const before = await workshop.untilRunning(3);
  const full = before.map(({ hostId }) => hostId).find((hostId, index, all) => all.indexOf(hostId) !== index) ?? '';
  expectExit(t, await workshop.wo('host', 'drain', full, '--yes'), 0);
  const left = (await workshop.fleet.nodes()).filter(({ hostId }) => hostId === full);
  t.strictSame(left.map(tellNode), [], 'no node is on it');

  await workshop.ok('deploy-nodes', family, '--amount', '2');
  const after = await workshop.untilRunning(3);
  t.ok(after.every(({ hostId }) => hostId !== full), 'new nodes go elsewhere', { after: after.map(({ hostId }) => hostId), full });
  expectExit(t, await workshop.wo('host', 'remove', full, '--yes'), 0);
  t.notOk(workshop.hostDirectories().some((directory) => directory.endsWith(full)), 'its directory is gone');
  t.strictSame(workshop.agents(full).map(describeProcess), [], 'its agent has ended');
});

t.test('a host without nodes is given back after its time', async (t) => {
  const workshop = await Workshop.open(t, { settings: { 'hosts-idle-ttl-ms': '1500' } });
  const { family } = await prepareSleepers(workshop);
  await workshop.ok('deploy-nodes', family, '--amount', '1');
  const [node] = await workshop.untilRunning(1);
  t.equal((await workshop.fleet.hosts())[0]?.phase, HostPhase.UP);
  await workshop.ok('node', 'remove', idOf(node), '--delete-data', '--yes');
  await until('the host is gone', async () => (await workshop.fleet.hosts()).length === 0 || notYet((await workshop.fleet.hosts()).map(({ phase }) => HostPhase[phase])));
  t.strictSame(workshop.hostDirectories(), []);
  t.strictSame(workshop.agents().map(describeProcess), [], 'its agent has ended');
});

t.test('a deploy that does not fit says why and starts nothing', async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop);
  await workshop.ok('family', 'remove-domain', idOf((await workshop.fleet.status(family)).family?.domains[0]), '--yes');
  const domainless = expectExit(t, await workshop.wo('deploy-nodes', family, '--amount', '1'), 2);
  t.match(domainless.stderr, /WO_NO_DOMAIN/);
  await workshop.ok('add-domain', family, 'laptop', 'local', 'host', '--nodes-per-host', '2', '--max-hosts', '1');
  const planned = expectExit(t, await workshop.wo('deploy-nodes', family, '--amount', '2', '--dry-run'), 0);
  t.match(planned.stdout + planned.stderr, /sleepers-1/, 'a dry run shows the plan');
  const tooMany = expectExit(t, await workshop.wo('deploy-nodes', family, '--amount', '3'), 1);
  t.match(tooMany.stderr, /WO_PLACEMENT_IMPOSSIBLE/);
  t.match(tooMany.stderr, /maxHosts/, 'the limit that would have to be raised is named');
  t.strictSame(await workshop.fleet.nodes(), [], 'no node is made');
  t.notOk(existsSync(join(workshop.hostDirectories()[0] ?? '/nowhere', 'agent.log')), 'and no host');
});
