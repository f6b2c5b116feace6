import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NodePhase, OperationState } from '@wombat/proto/control';
import t from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { nameOf } from '../support/fleet-view.js';
import { sleeper } from '../support/releases.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

/** The drain command says "not yet" until the gate is open: a test decides how long a drain takes. */
const drain = { name: 'drain', lines: ['[ -e "$GATE" ] || exit 75'] };
const manifest = { path: 'wombat.release.yaml', contents: 'apiVersion: wombat/v1\nstart: bin/start\ndrain: bin/drain\ndrainTimeout: 5m\n' };

t.test('operations wait for each other, survive whoever asked for them, and are taken back', { timeout: 300_000 }, async (t) => {
  const workshop = await Workshop.open(t);
  const gate = join(workshop.directory, 'gate');
  const { family } = await prepareSleepers(workshop, { scripts: [sleeper, drain], files: [manifest], flags: ['--env', `GATE=${gate}`] });
  await workshop.ok('deploy-nodes', family, '--amount', '2');
  const ended = async (operation: string, state: OperationState): Promise<void> => {
    await until(`${operation} has ended as it should`, async () => {
      const shown = await workshop.fleet.operation(operation);
      return shown.state === state || notYet(`${OperationState[shown.state]} ${shown.waiting?.reason ?? ''} ${shown.error?.message ?? ''}`);
    }, { withinMs: 60_000 });
  };
  const draining = async (): Promise<string> =>
    await until('a node drains', async () => {
      const nodes = await workshop.fleet.nodes();
      return nodes.some(({ phase }) => phase === NodePhase.DRAINING) ? (await workshop.ok('operation', 'list', '--state', 'running', '-q')) : notYet(nodes.map(nameOf));
    });

  await t.test('who asked is killed, the coordinator too: it goes on, and who waits has his turn', async (t) => {
    const [first, second] = (await workshop.untilRunning(2)).map(nameOf);
    const asking = workshop.spawnWo(['node', 'remove', first!, '--keep-data', '--yes']);
    const removal = await draining();
    asking.kill('SIGKILL');
    const refused = expectExit(t, await workshop.wo('node', 'stop', family), 8, 'another operator is refused');
    t.match(refused.stderr, removal, 'and told by what');
    const waiting = await workshop.ok('node', 'stop', family, '--wait=5m', '--detach');
    t.match(await workshop.fleet.operation(waiting), { state: OperationState.WAITING, plan: [] });
    await workshop.restartCoordinator();
    t.match(await workshop.ok('operation', 'show', waiting), new RegExp(`waits +its turn comes after operation ${removal}`), 'it still waits, and says for what');
    t.match(await workshop.ok('operation', 'show', removal), new RegExp(`remove node ${first!} on \\S+ \\(asked for\\): active, since .*, draining`), 'and the other still drains');
    writeFileSync(gate, '');
    await ended(removal, OperationState.SUCCEEDED);
    await ended(waiting, OperationState.SUCCEEDED);
    const replay = await workshop.wo('operation', 'watch', removal);
    for (const phase of ['draining', 'stopping', 'gone']) t.match(replay.stderr, new RegExp(`${first!} ${phase}`), `the replay tells ${phase}`);
    t.match(await workshop.fleet.nodes(), [{ metadata: { name: second }, phase: NodePhase.STOPPED }], 'who waited was planned for the node that was left');
    await workshop.ok('node', 'start', family);
  });

  await t.test('a drain that is called off: the node runs on with the same process, asking twice is asking once', async (t) => {
    rmSync(gate);
    const [node] = await workshop.untilRunning(1);
    const operation = await workshop.ok('node', 'drain', family, '--detach');
    await draining();
    await Promise.all([workshop.ok('operation', 'cancel', operation), workshop.ok('operation', 'cancel', operation)]);
    await ended(operation, OperationState.CANCELLED);
    t.match(await workshop.fleet.nodes(), [{ phase: NodePhase.RUNNING, pid: node!.pid }]);
    t.match(await workshop.ok('operation', 'show', operation), /left +nodes: 1 running/);
    t.match(await workshop.ok('event', 'list', '--operation', operation), /operation\.cancelled.*what is left: nodes: 1 running/);
    expectExit(t, await workshop.wo('operation', 'cancel', operation), 0, 'also when it is over');
  });

  await t.test('two operators at once: one begins, the other is told or waits', async (t) => {
    const asked = await Promise.all([1, 2].map(() => workshop.wo('deploy-nodes', family, '--amount', '1', '--detach')));
    t.strictSame(asked.map(({ code }) => code).sort(), [0, 8]);
    const behind = await workshop.ok('deploy-nodes', family, '--amount', '1', '--wait', '--detach');
    await ended(behind, OperationState.SUCCEEDED);
    await workshop.untilRunning(3);
  });

  await t.test('a family is scaled: the newest go first, drained or not as it is said', async (t) => {
    const oldest = nameOf((await workshop.fleet.nodes())[0]!);
    const plan = await workshop.wo('family', 'scale', family, '1', '--dry-run');
    t.equal(plan.stdout.match(/remove node/g)?.length, 2, 'a dry run names those that would go');
    t.notMatch(plan.stdout, oldest);
    await workshop.ok('family', 'scale', family, '1', '--no-drain', '--keep-data', '--yes');
    t.strictSame((await workshop.untilRunning(1)).map(nameOf), [oldest]);
    await workshop.ok('family', 'scale', family, '2');
    rmSync(gate, { force: true });
    const down = await workshop.ok('family', 'scale', family, '1', '--keep-data', '--yes', '--detach');
    const update = await workshop.ok('family', 'update', family, '--env', 'PLAN=b', '--max-parallel', '2', '--wait', '--detach');
    t.match(await workshop.fleet.operation(update), { state: OperationState.WAITING, plan: [] }, 'an update waits for its turn as well');
    writeFileSync(gate, '');
    await ended(down, OperationState.SUCCEEDED);
    await ended(update, OperationState.SUCCEEDED);
    t.match((await workshop.fleet.operation(update)).progress, { total: 1, done: 1 }, 'and is planned for what is there then');
  });
});
