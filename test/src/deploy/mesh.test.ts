import { ClusterHealth, OperationState } from '@wombat/proto/control';
import t from 'tap';
import { withoutErlang } from '../support/checkout.js';
import { prepareMesh } from '../support/families.js';
import { idOf, nameOf } from '../support/fleet-view.js';
import { signalProcess } from '../support/processes.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

const skip = withoutErlang();

t.test('erlang-mesh: three nodes on two hosts are one cluster, and a killed one comes back into it', { skip }, async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareMesh(workshop);
  await workshop.ok('deploy-nodes', family, '--amount', '3');

  const nodes = await workshop.untilRunning(3);
  const names = nodes.map(({ erlangName }) => erlangName).sort();
  t.equal(new Set(nodes.map(({ hostId }) => hostId)).size, 2, 'three nodes of two a host take two hosts');
  t.strictSame(await seenBy(workshop, family), everybodySeesTheOthers(names), 'every node sees the two others');
  t.equal((await workshop.fleet.status(family)).family?.cluster?.health, ClusterHealth.ONE, 'the status says that it is one cluster');
  t.match(await workshop.ok('status', family), /cluster: one/, 'and says so to people');
  const events = await workshop.fleet.events();
  t.ok(events.some(({ type }) => type === 'cluster.one'), 'the event cluster.one is told');
  t.equal((await workshop.fleet.operations())[0]?.state, OperationState.SUCCEEDED);

  const victim = nodes[0]!;
  const beam = workshop.beams().find(({ pid }) => BigInt(pid) === BigInt(victim.pid));
  if (!beam) throw new Error(`no BEAM has the pid ${victim.pid} that the coordinator tells of ${nameOf(victim)}`);
  const others = nodes.slice(1).map(({ pid }) => String(pid));
  signalProcess(beam, 'SIGKILL');
  await until('the killed node runs with another pid', async () => {
    const now = (await workshop.fleet.nodes()).find((node) => idOf(node) === idOf(victim));
    return now?.phase === victim.phase && String(now.pid) !== String(victim.pid) && now.restarts > 0 ? true : notYet(now);
  }, { everyMs: 50 });
  await until('every node sees the two others again', async () => {
    const seen = await seenBy(workshop, family);
    return JSON.stringify(seen) === JSON.stringify(everybodySeesTheOthers(names)) ? true : notYet(seen);
  }, { everyMs: 200 });
  const exited = (await workshop.fleet.events('node.exited')).filter(({ nodeId }) => nodeId === idOf(victim));
  t.equal(exited.length, 1, 'its exit is told once as node.exited');
  const after = await workshop.untilRunning(3);
  t.strictSame(after.filter((node) => idOf(node) !== idOf(victim)).map(({ pid }) => String(pid)).sort(), others.sort(), 'the others were not touched');

  const beams = workshop.beams().map(({ pid }) => pid).sort();
  const agents = workshop.agents();
  for (const agent of agents) signalProcess(agent, 'SIGKILL');
  await until('each host has another agent', () => {
    const now = workshop.agents().filter(({ pid }) => agents.every((old) => old.pid !== pid));
    return now.length === agents.length || notYet(now.map(({ pid }) => pid));
  });
  t.strictSame(workshop.beams().map(({ pid }) => pid).sort(), beams, 'killed agents take no BEAM with them, and start none');
  t.match(await workshop.untilRunning(3), after.map(({ pid }) => ({ pid })), 'the coordinator is told of the same processes');
  await until('the new agents have sessions, and the nodes are still one cluster', async () => {
    const seen = await seenBy(workshop, family).catch((error: unknown) => String(error));
    return JSON.stringify(seen) === JSON.stringify(everybodySeesTheOthers(names)) ? true : notYet(seen);
  }, { everyMs: 200 });
});

/** What `nodes()` answers on each, by Erlang name. */
async function seenBy(workshop: Workshop, family: string): Promise<Record<string, string[]>> {
  const said = JSON.parse(await workshop.ok('exec', family, '--erlang', '{node(), lists:sort(nodes())}.', '-o', 'json')) as { targets: { stdout: string }[] };
  const seen = said.targets.map(({ stdout }) => [...Buffer.from(stdout, 'base64').toString().matchAll(/[\w-]+@[\d.]+/g)].map(String));
  return Object.fromEntries(seen.map(([own, ...others]): [string, string[]] => [own!, others.sort()]).sort(([a], [b]) => a.localeCompare(b)));
}

function everybodySeesTheOthers(names: readonly string[]): Record<string, string[]> {
  return Object.fromEntries(names.map((own) => [own, names.filter((name) => name !== own)]));
}
