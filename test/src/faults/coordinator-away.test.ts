import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperationState } from '@wombat/proto/control';
import t from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { idOf, tellNode } from '../support/fleet-view.js';
import { signalProcess } from '../support/processes.js';
import { sleeper } from '../support/releases.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

t.test('without a coordinator nodes run on, and those that end are restarted', async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop, { flags: ['--restart-delay', '100ms'] });
  await workshop.ok('deploy-nodes', family, '--amount', '2');
  const [victim, other] = await workshop.untilRunning(2);
  await workshop.coordinator.kill();

  const programOf = (id: string): number[] => workshop.processesOfNode(id).filter(({ argv }) => argv[0] === 'sleep').map(({ pid }) => pid);
  signalProcess(workshop.processesOfNode(idOf(victim)).find(({ pid }) => pid === programOf(idOf(victim))[0])!, 'SIGKILL');
  const restarted = await until('its agent restarts the node by itself', () => {
    const [pid] = programOf(idOf(victim));
    return pid !== undefined && String(pid) !== String(victim!.pid) ? pid : notYet({ pid });
  });
  t.equal(workshop.agents().length, 1, 'the agent waits for its coordinator');
  t.strictSame(programOf(idOf(other)).map(String), [String(other!.pid)], 'the other node runs on');

  const absent = expectExit(t, await workshop.wo('status', family), 7, 'there is no coordinator');
  t.match(absent.stderr, /WO_COORDINATOR_UNREACHABLE/);

  await workshop.coordinator.start();
  const told = await until('the coordinator is told of what happened without it', async () => {
    const node = await workshop.fleet.node(idOf(victim));
    return String(node.pid) === String(restarted) ? node : notYet(tellNode(node));
  });
  t.equal(told.restarts, 1);
  t.equal((await workshop.fleet.events('node.exited')).filter(({ nodeId }) => nodeId === idOf(victim)).length, 1, 'the exit stands in the history');
});

t.test('a command that runs while the coordinator is killed has one outcome, and has run once', async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop);
  await workshop.ok('deploy-nodes', family, '--amount', '3');
  await workshop.untilRunning(3);
  const running = workshop.spawnWo(['exec', family, '--', 'sh', '-c', 'echo begun >>"$WOMBAT_DATA_DIR/runs"; sleep 1.5; echo done']);
  const runs = (): string[] => workshop.nodeDirectories().map((directory) => join(directory, 'data', 'runs')).filter((path) => existsSync(path)).map((path) => readFileSync(path, 'utf8'));
  await until('the command runs on all nodes', () => runs().length === 3 || notYet(runs()), { everyMs: 20 });
  await workshop.restartCoordinator();
  const result = expectExit(t, await running.ended, 0, 'wo waits for the coordinator');
  t.equal(result.stdout.match(/\| done/g)?.length, 3, 'three outputs arrive', { output: result.stdout });
  t.strictSame(runs(), ['begun\n', 'begun\n', 'begun\n'], 'it ran once on each node');
});

t.test('Ctrl-C leaves the operation running, and says how to come back to it', async (t) => {
  const workshop = await Workshop.open(t);
  const slow = { name: 'join', lines: ['sleep 2'] };
  const { family } = await prepareSleepers(workshop, { scripts: [sleeper, slow], flags: ['--clust', 'custom', '--clust-opt', 'cmd:bin/join'] });
  const deploying = workshop.spawnWo(['deploy-nodes', family, '--amount', '2']);
  const operation = await until('it prints its operation', () => /^op-\S+/.exec(deploying.stdout)?.[0] ?? notYet(deploying.stderr));
  deploying.kill('SIGINT');
  const left = expectExit(t, await deploying.ended, 6, 'still running');
  t.match(left.stderr, `wo operation watch ${operation}`);
  t.match(left.stderr, `wo operation cancel ${operation}`);
  const watched = expectExit(t, await workshop.wo('operation', 'watch', operation), 0);
  t.match(watched.stderr, /2 of 2 running/);
  t.equal((await workshop.fleet.operations())[0]?.state, OperationState.SUCCEEDED);
});
