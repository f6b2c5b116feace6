import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostPhase, type Event } from '@wombat/proto/control';
import t from 'tap';
import { launchers } from '../support/checkout.js';
import { prepareSleepers } from '../support/families.js';
import { FakedClock } from '../support/faked-clock.js';
import { startAgentByHand } from '../support/hand-started-agent.js';
import { programOf, signalProcess } from '../support/processes.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

const seldom = { everyMs: 250 };
const isFull = (process.env['WOMBAT_TEST_FULL'] ?? '') !== '';
const jumps = [['-24h', /was set: it is 1 d 0 h behind the coordinator's own time/], ['+24h', /was set: it is 1 d 0 h ahead of the coordinator's own time/]] as const;

t.test('clocks that are set while all runs', { skip: FakedClock.missing() }, async (t) => {
  const clocks = t.testdir();
  const [clock, clockOfAgents] = [new FakedClock(join(clocks, 'coordinator')), new FakedClock(join(clocks, 'agents'))];
  const agentCommand = ['/usr/bin/env', ...Object.entries(clockOfAgents.environment).map(([name, value]) => `${name}=${value}`), launchers.agent].join(' ');
  const workshop = await Workshop.open(t, { environment: () => clock.environment, settings: { 'agent-command': agentCommand } });
  const { agents } = await workshop.coordinator.connect();
  const { family } = await prepareSleepers(workshop, { nodesPerHost: 1 });
  await workshop.ok('deploy-nodes', family, '--amount', '2');
  const pids = async (): Promise<string[]> => (await workshop.untilRunning(2)).map(({ pid }) => String(pid)).sort();
  const before = await pids();
  const sessions = (): number => readFileSync(workshop.coordinator.log, 'utf8').split('"msg":"session opened').length - 1;
  const steps = async (): Promise<string[]> => (await workshop.fleet.events('coordinator.clock-step')).map(({ message }) => message);
  const last = async (): Promise<bigint> => (await workshop.fleet.events()).at(-1)!.sequence;
  const data = (name: string): string[] => workshop.nodeDirectories().map((directory) => join(directory, 'data', name));

  for (const [run, [offset, says]] of jumps.slice(isFull ? 0 : 1).entries()) {
    await t.test(`the clock of the coordinator jumps by ${offset}, and back`, async (t) => {
      const [opened, told, from, ran] = [sessions(), (await steps()).length, await last(), `ran-${run}`];
      const token = await workshop.ok('token', 'create', `by-hand-${run}`);
      const held = workshop.spawnWo(['exec', family, '--timeout', '2m', '--', 'sh', '-c', `cd "$WOMBAT_DATA_DIR"; echo once >>${ran}; while [ ! -e enough-${run} ]; do sleep 0.1; done; echo held`]);
      await until('the command runs on both', () => data(ran).every((file) => existsSync(file)) || notYet(held.stderr));
      clock.set(offset);
      const [message = ''] = await until('the operator is told', async () => {
        const all = (await steps()).slice(told);
        return all.length > 0 ? all : notYet(all);
      }, seldom);
      t.match(message, says, 'by how much');

      signalProcess(workshop.agents()[0]!, 'SIGKILL');
      await until('an agent comes back', () => sessions() > opened || notYet(sessions()));
      const machine = await startAgentByHand(workshop, `machine-${run}`, agents, token);
      await until('a token of before lets a host in', async () => (await workshop.fleet.hosts()).filter(({ phase }) => phase === HostPhase.UP).length === 3 || notYet(await machine.log()), seldom);
      for (const file of data(`enough-${run}`)) writeFileSync(file, '');
      t.match(await held.ended, { code: 0, stdout: /held[^]*held/ }, 'a command that was there before has its own time');
      t.strictSame(data(ran).map((file) => readFileSync(file, 'utf8')), ['once\n', 'once\n'], 'and ran once on each node');

      clock.set('+0');
      await until('that it agrees again is told', async () => (await steps()).length === told + 2 || notYet(await steps()), seldom);
      const events = await workshop.fleet.eventsAfter(from);
      t.strictSame(events.map(({ sequence }) => sequence), events.map((_, index) => from + 1n + BigInt(index)), 'the history has no gap');
      t.strictSame(outOfTime(events), [], 'and its times go on as its numbers do');
      t.strictSame(events.filter(({ type }) => type === 'host.clock-skew' || type === 'host.identity-revoked').map(({ message: said }) => said), [], 'no host is told to be wrong');
      t.strictSame(events.filter(({ message: said }) => /no frame|lost|removed|idle/.test(said)).map(({ message: said }) => said), [], 'nor silent for too long, lost or idle');
      t.strictSame(await pids(), before, 'the nodes have run on');
      await workshop.ok('host', 'remove', `by-hand-${run}`, '--yes');
      machine.child.kill('SIGKILL');
    });
  }

  await t.test('the clocks of the hosts', async (t) => {
    clockOfAgents.set('+2m');
    await until('the doctor tells two minutes', async () => /WARN +laptop-\d clock .* (119|120|121) s ahead/.test((await workshop.wo('doctor')).stdout) || notYet('no warning'), { everyMs: 3_000 });
    clockOfAgents.set('-24h');
    const [killed] = workshop.agents();
    const hostId = killed!.environment['WOMBAT_HOST_ID']!;
    const node = workshop.processes().find((each) => programOf(each) === 'sleep' && each.environment['WOMBAT_HOST_ID'] !== hostId)!;
    signalProcess(node, 'SIGKILL');
    await until('a node that ends is started again', async () => (await pids()).filter((pid) => !before.includes(pid)).length === 1 || notYet(before), seldom);
    signalProcess(killed!, 'SIGKILL');
    const log = (): string => readFileSync(join(workshop.hostDirectories().find((directory) => directory.endsWith(hostId))!, 'agent.log'), 'utf8');
    const tells = /WO_CLOCK_SKEW[^\n]*(1 d 0 h|23 h 5\d min) behind the coordinator's/;
    await until('an agent that starts with a clock of yesterday says so', () => tells.test(log()) || notYet(log().slice(-1_500)), seldom);
    const [opened, enrolled] = [sessions(), (await workshop.fleet.events('host.enrolled')).length];
    clockOfAgents.set('+0');
    await until('it is back when its clock is right', () => sessions() > opened || notYet(log().slice(-1_500)), seldom);
    t.equal((await workshop.fleet.events('host.enrolled')).length, enrolled, 'without enrolling again');
    t.equal((await pids()).filter((pid) => !before.includes(pid)).length, 1, 'and no other node was started');
  });

  // Longer than every run may take.
  for (const offset of isFull ? ['-24h', '+24h'] : []) {
    await t.test(`a coordinator that is started with a clock off by ${offset}`, async (t) => {
      const [running, enrolled, from] = [await pids(), (await workshop.fleet.events('host.enrolled')).length, await last()];
      clock.set(offset);
      await workshop.restartCoordinator();
      const logs = (): string[] => workshop.hostDirectories().map((directory) => readFileSync(join(directory, 'agent.log'), 'utf8').split('the connection to the coordinator is lost').at(-1)!);
      await until('agents tell it', () => logs().every((log) => /WO_CLOCK_SKEW.*(1 d 0 h|23 h 59 min) (behind|ahead of) the coordinator's/.test(log)) || notYet(logs()), seldom);
      clock.set('+0');
      const opened = sessions();
      await workshop.restartCoordinator();
      await until('when it is started with the right one all are back', () => sessions() >= opened + 2 || notYet(logs()), { withinMs: 90_000, ...seldom });
      t.strictSame(await pids(), running, 'the nodes have run on');
      t.equal((await workshop.fleet.events('host.enrolled')).length, enrolled, 'nobody has enrolled again');
      const events = await workshop.fleet.eventsAfter(from);
      t.strictSame(events.map(({ sequence }) => sequence), events.map((_, index) => from + 1n + BigInt(index)), 'the history has no gap');
    });
  }
});

/** Events whose time is before that of one with a smaller number. */
function outOfTime(events: readonly Event[]): string[] {
  return events.flatMap(({ time, message }, index) => (index > 0 && time! < events[index - 1]!.time! ? [message] : []));
}
