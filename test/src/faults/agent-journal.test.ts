import { setTimeout as sleep } from 'node:timers/promises';
import type { Node } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { prepareSleepers } from '../support/families.js';
import { idOf, tellNode } from '../support/fleet-view.js';
import { damageJournal, dateBeforeBoot, giveNumberAway, journalBytes, killAndWait, stagedIn, theAgent } from '../support/host-files.js';
import { isAlive, signalProcess, startTimeOf } from '../support/processes.js';
import { chooseSeed, seededRandom } from '../support/seeded-random.js';
import { spawnPlain, usualEnvironment } from '../support/spawn-plain.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

const isFull = (process.env['WOMBAT_TEST_FULL'] ?? '') !== '';
const kills = isFull ? 20 : 3;
/** Longest pause before one; an agent is somewhere else each time. */
const pauseMs = isFull ? 2_000 : 600;
const seed = chooseSeed();
const random = seededRandom(seed);

const damages: readonly (readonly [what: string, change: (text: string) => string])[] = [
  ['flipped bytes in it', (text) => text.replaceAll('"isReady":true', '"isReady":truf')],
  ['its tail cut off', (text) => text.slice(0, -30)],
  ['nothing in it', () => ''],
  ['garbage in it', () => '\u0000\u00ff\u0001 garbage\n'.repeat(100)],
];

t.setTimeout(isFull ? 600_000 : 180_000);

t.test(`what an agent has written down outlives whatever becomes of it, WOMBAT_SEED=${seed}`, async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop, { nodesPerHost: 6 });
  const { stdout: operation } = await workshop.wo('deploy-nodes', family, '--amount', '3', '--detach');
  let nodes: Node[] = [];
  const hostDirectory = (): string => workshop.hostDirectories()[0] ?? '';
  const pids = (of: readonly Node[]): string[] => of.map(({ pid }) => String(pid)).sort();

  await t.test(`F4: agents killed ${kills} times, at moments of chance`, async (t) => {
    for (let kill = 1; kill <= kills; kill += 1) {
      const agent = await theAgent(workshop);
      await sleep(Math.floor(random() * pauseMs));
      await killAndWait(agent);
      t.ok(journalBytes(hostDirectory()) < 1024 ** 2, `after ${kill} kills the journal is small`);
      // Whoever looks after agents waits longer each time, and forgets that when it ends.
      if (kill % 2 === 0) await workshop.restartCoordinator();
      t.ok(stagedIn(hostDirectory()).length <= 1, `and at most one thing was half made: ${stagedIn(hostDirectory()).join(' ')}`);
    }
    nodes = await workshop.untilRunning(3, { withinMs: 60_000 });
    await workshop.ok('operation', 'watch', operation.trim());
    checkRunOnce(t, workshop, nodes);
    await until('nothing half made is left', () => stagedIn(hostDirectory()).length === 0 || notYet(stagedIn(hostDirectory())));
    t.strictSame(await workshop.fleet.events('host.journal-damaged'), [], 'no kill looked like damage');
  });

  for (const [index, [what, change]] of (isFull ? damages : damages.filter((_, at) => at % 2 === 0)).entries()) {
    await t.test(`F5: a journal with ${what}`, async (t) => {
      const agent = await theAgent(workshop);
      await damageJournal(agent, hostDirectory(), change);
      const told = await until('that is told', async () => {
        const events = await workshop.fleet.events('host.journal-damaged');
        return events.length === index + 1 ? events.at(-1)! : notYet(events.map(({ message }) => message));
      });
      t.match(told.message, /nodes\.journal of the agent of .* was damaged: .*; it was put aside as nodes\.journal\.damaged-\d+$/);
      t.strictSame(pids(await workshop.untilRunning(nodes.length)), pids(nodes), 'every node runs on as the same process');
      await workshop.ok('deploy-nodes', family, '--amount', '1');
      nodes = await workshop.untilRunning(nodes.length + 1);
      checkRunOnce(t, workshop, nodes);
    });
  }

  await workshop.restartCoordinator();
  await t.test('F6: a machine that boots anew has its nodes back, each once, and takes no stranger for one', async (t) => {
    const stranger = spawnPlain('sleep', ['600'], usualEnvironment(), { stdio: 'ignore' });
    t.teardown(() => stranger.kill('SIGKILL'));
    const bornAt = startTimeOf(stranger.pid!);
    const agent = await theAgent(workshop);
    const all = workshop.processes().filter(({ environment }) => environment['WOMBAT_HOST_ID'] === agent.environment['WOMBAT_HOST_ID']);
    // All stand still before the first dies, as at a power cut.
    for (const each of [agent, ...all]) signalProcess(each, 'SIGSTOP');
    t.ok(dateBeforeBoot(hostDirectory()) > nodes.length, 'whatever is written down is of an earlier boot');
    giveNumberAway(workshop.nodeDirectories().find((directory) => directory.endsWith(idOf(nodes[0]!)))!, stranger.pid!);
    for (const each of [agent, ...all]) signalProcess(each, 'SIGKILL');
    const goneAtMs = performance.now();
    await until('all are gone', () => all.every((each) => !isAlive(each)) || notYet('some live'));
    nodes = await until('they run as other processes', async () => {
      const now = await workshop.untilRunning(nodes.length);
      return now.every(({ pid }) => !pids(nodes).includes(String(pid))) ? now : notYet(now.map(tellNode));
    });
    const backAfterMs = Math.round(performance.now() - goneAtMs);
    t.ok(backAfterMs < 10_000, `all are back after ${backAfterMs} ms`);
    checkRunOnce(t, workshop, nodes);
    t.equal(startTimeOf(stranger.pid!), bornAt, 'who has the number of an old process now is left alone');
    t.strictSame((await workshop.fleet.events('host.journal-damaged')).length, (isFull ? damages : damages.slice(0, 2)).length, 'no journal looked damaged');
  });
});

function checkRunOnce(t: Test, workshop: Workshop, nodes: readonly Node[]): void {
  for (const node of nodes) {
    const sleeping = workshop.processesOfNode(idOf(node)).filter(({ argv }) => argv[0] === 'sleep');
    t.strictSame(sleeping.map(({ pid }) => String(pid)), [String(node.pid)], `${tellNode(node)} runs once`);
  }
}
