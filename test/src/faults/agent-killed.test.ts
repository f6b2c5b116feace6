import { HostPhase } from '@wombat/proto/control';
import t from 'tap';
import { prepareSleepers } from '../support/families.js';
import { idOf, tellNode } from '../support/fleet-view.js';
import { isAlive, signalProcess } from '../support/processes.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

t.test('an agent that is killed comes back by itself; its nodes never notice', async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop, { flags: ['--restart-delay', '100ms'] });
  await workshop.ok('deploy-nodes', family, '--amount', '2');
  const before = await workshop.untilRunning(2);
  const [survivor, victim] = [before[0]!, before[1]!];
  const running = workshop.processesOfNode(idOf(survivor));
  const [agent] = workshop.agents();
  if (!agent) throw new Error('no agent runs');

  signalProcess(agent, 'SIGKILL');
  // While nobody looks after it, one of its nodes ends.
  const program = workshop.processesOfNode(idOf(victim)).find(({ pid }) => String(pid) === String(victim.pid));
  if (!program) throw new Error(`no process has the pid that is told of ${tellNode(victim)}`);
  signalProcess(program, 'SIGKILL');

  const returned = await until('another agent runs for the host', () => workshop.agents().find(({ pid }) => pid !== agent.pid) ?? notYet(workshop.agents().map(({ pid }) => pid)));
  t.equal(returned.environment['WOMBAT_HOST_ID'], survivor.hostId, 'it is an agent of the same host');
  t.strictSame(running.filter((each) => !isAlive(each)), [], 'processes of the node that ran on are the same');

  const restarted = await until('the node that ended meanwhile runs again', async () => {
    const node = (await workshop.fleet.nodes()).find((each) => idOf(each) === idOf(victim));
    return node?.phase === victim.phase && String(node.pid) !== String(victim.pid) ? node : notYet(node ? tellNode(node) : 'no such node');
  }, { everyMs: 50 });
  t.equal(restarted.restarts, 1, 'it was restarted once');
  t.equal(workshop.processesOfNode(idOf(victim)).filter(({ argv }) => argv[0] === 'sleep').length, 1, 'and runs once');
  t.equal((await workshop.fleet.events('node.exited')).filter(({ nodeId }) => nodeId === idOf(victim)).length, 1, 'its exit was noticed and told once');

  const after = await workshop.untilRunning(2);
  t.equal(after.find((each) => idOf(each) === idOf(survivor))?.pid, survivor.pid, 'the other node has the pid that it had');
  t.strictSame((await workshop.fleet.hosts()).map(({ phase }) => phase), [HostPhase.UP], 'the host is up');
  await workshop.ok('deploy-nodes', family, '--amount', '1');
  t.equal((await workshop.untilRunning(3)).length, 3, 'an operation right afterwards does what it should');
});

t.test('agents that are killed again and again leave each node running once', async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop, { nodesPerHost: 4 });
  const operation = await workshop.ok('deploy-nodes', family, '--amount', '4', '--detach').catch(() => '');
  t.comment(`operation ${operation}`);
  for (let death = 0; death < 3; death += 1) {
    const [agent] = await until('an agent runs', () => (workshop.agents().length > 0 ? workshop.agents() : notYet('no agent')), { everyMs: 20 });
    // Each time a little later: while it enrols, fetches, starts.
    await new Promise((resolve) => setTimeout(resolve, 150 + 250 * death));
    signalProcess(agent!, 'SIGKILL');
    await until('it is dead', () => !isAlive(agent!) || notYet('alive'), { everyMs: 10 });
  }
  const nodes = await workshop.untilRunning(4, { withinMs: 45_000 });
  for (const node of nodes) {
    const sleeping = workshop.processesOfNode(idOf(node)).filter(({ argv }) => argv[0] === 'sleep');
    t.strictSame(sleeping.map(({ pid }) => String(pid)), [String(node.pid)], `${tellNode(node)} runs once`);
  }
});
