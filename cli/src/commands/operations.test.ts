import { DataPolicy, OperationState, type NodeData, type Operation, type RemoveNodesRequest, type WatchOperationResponse } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { FakeCoordinator, type Handlers } from '../testing/fake-coordinator.js';
import { operation, operationMessage, phaseEvent, startedAt } from '../testing/objects.js';
import { runWo, startWo } from '../testing/run-wo.js';

const error = { code: 'WO_NODE_EXITED', message: 'exit status 3', hint: 'see its log: wo node logs NODE' };

function ended(names: readonly string[], state: OperationState, done: number, failed: number, more: Partial<Operation> = {}): WatchOperationResponse {
  return operationMessage(operation(names, { state, progress: { total: names.length, done, failed }, finishedAt: new Date(startedAt.getTime() + 3000), ...more }));
}

async function coordinator(t: Test, watch: NonNullable<Handlers['watchOperation']>, more: Handlers = {}): Promise<FakeCoordinator> {
  const fake = await FakeCoordinator.start();
  t.teardown(() => fake.stop());
  fake.handlers = { deployNodes: () => ({ operation: operation(['web-1', 'web-2']) }), watchOperation: watch, ...more };
  return fake;
}

async function* forever(_request: unknown, signal: AbortSignal): AsyncGenerator<WatchOperationResponse> {
  yield phaseEvent('web-1', 'starting', 1);
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
}

const deploy = ['deploy-nodes', 'web', '--amount', '2'];

t.test('success: one plain line for each change, none twice, then the end', async (t) => {
  const fake = await coordinator(t, async function* () {
    yield operationMessage(operation(['web-1', 'web-2']));
    yield phaseEvent('web-1', 'starting', 0.5);
    yield phaseEvent('web-1', 'starting', 0.6);
    yield phaseEvent('web-1', 'running', 1.25);
    yield phaseEvent('web-2', 'running', 2);
    yield ended(['web-1', 'web-2'], OperationState.SUCCEEDED, 2, 0);
  });
  const ran = await runWo(fake, deploy);
  t.equal(ran.exit, 0);
  t.equal(ran.stdout, 'op-aaaaaaaaaaaa\n');
  t.same(ran.stderr.split('\n'), [
    '   0.5s  • web-1 starting',
    '   1.3s  ✓ web-1 running',
    '   2.0s  ✓ web-2 running',
    '✓ deploy op-aaaaaaaaaaaa succeeded in 3.0s: 2 of 2 running',
    '',
  ]);
});

t.test('partial: exit 3, the reason, the last lines of the log, the next command', async (t) => {
  const fake = await coordinator(t, async function* () {
    yield phaseEvent('web-1', 'running', 1);
    yield phaseEvent('web-2', 'failed', 2, { error, logTail: 'booting\nno \x1b[31mport\n' });
    yield ended(['web-1', 'web-2'], OperationState.PARTIAL, 1, 1, { error: { ...error, message: 'web-2: exit status 3', details: {} } });
  });
  const ran = await runWo(fake, deploy);
  t.equal(ran.exit, 3);
  t.same(ran.stderr.split('\n').slice(1), [
    '   2.0s  ✗ web-2 failed  WO_NODE_EXITED: exit status 3',
    '✗ deploy op-aaaaaaaaaaaa partial in 3.0s: 1 of 2 running, 1 failed',
    'last lines of web-2:',
    '  | booting',
    '  | no \\x1b[31mport',
    'error WO_NODE_EXITED: web-2: exit status 3',
    '  why: The process of the node ended.',
    '  try: see its log: wo node logs web-2',
    '  see: wo explain WO_NODE_EXITED',
    '',
  ]);
});

t.test('failure exits 1, a cancelled one too, one past its deadline 6', async (t) => {
  const names = ['web-1'];
  const exitOf = async (state: OperationState, more: Partial<Operation> = {}): Promise<number> => {
    const fake = await coordinator(t, async function* () {
      yield ended(names, state, 0, 1, more);
    });
    return (await runWo(fake, deploy)).exit;
  };
  t.equal(await exitOf(OperationState.FAILED, { error: { ...error, details: {} } }), 1);
  t.equal(await exitOf(OperationState.CANCELLED), 1);
  t.equal(await exitOf(OperationState.FAILED, { error: { code: 'WO_DEADLINE_EXCEEDED', message: 'late', hint: '', details: {} } }), 6);
});

t.test('-q: nothing but the id when it goes well; a failure is told all the same', async (t) => {
  const good = await coordinator(t, async function* () {
    yield phaseEvent('web-1', 'running', 1);
    yield ended(['web-1'], OperationState.SUCCEEDED, 1, 0);
  });
  const well = await runWo(good, [...deploy, '-q']);
  t.same([well.stdout, well.stderr], ['op-aaaaaaaaaaaa\n', '']);
  const bad = await coordinator(t, async function* () {
    yield ended(['web-1'], OperationState.FAILED, 0, 1, { error: { ...error, details: {} } });
  });
  t.match((await runWo(bad, [...deploy, '-q'])).stderr, 'error WO_NODE_EXITED');
});

t.test('json is the final operation, jsonl every message as it comes', async (t) => {
  const fake = await coordinator(t, async function* () {
    yield phaseEvent('web-1', 'running', 1);
    yield ended(['web-1'], OperationState.SUCCEEDED, 1, 0);
  });
  const json = await runWo(fake, [...deploy, '-o', 'json', '-q']);
  t.match(JSON.parse(json.stdout), { operation: { state: 'OPERATION_STATE_SUCCEEDED' } });
  const lines = (await runWo(fake, [...deploy, '-o', 'jsonl', '-q'])).stdout.trim().split('\n').map((line) => JSON.parse(line) as object);
  t.match(lines, [{ event: { type: 'node.phase' } }, { operation: { state: 'OPERATION_STATE_SUCCEEDED' } }]);
});

t.test('--detach prints the id, says how to go on, and does not watch', async (t) => {
  const fake = await coordinator(t, forever);
  const ran = await runWo(fake, [...deploy, '--detach']);
  t.same([ran.exit, ran.stdout, ran.stderr], [0, 'op-aaaaaaaaaaaa\n', '']);
  t.same(fake.calls, ['deployNodes']);
});

t.test('--dry-run shows where nodes would go, and watches nothing', async (t) => {
  const fake = await coordinator(t, forever);
  const ran = await runWo(fake, [...deploy, '--dry-run']);
  t.match(ran.stdout, /create node +web-1 +host-aaaaaaaaaaaa .*spread evenly/);
  t.same([ran.exit, fake.calls], [0, ['deployNodes']]);
});

t.test('--timeout of a stop: exit 6, and how to come back', async (t) => {
  const fake = await coordinator(t, forever, { stopNodes: () => ({ operation: operation(['web-1']) }) });
  const ran = await runWo(fake, ['node', 'stop', 'web-1', '--timeout', '50ms']);
  t.equal(ran.exit, 6);
  t.match(ran.stderr, 'still running; `wo operation watch op-aaaaaaaaaaaa`, `wo operation cancel op-aaaaaaaaaaaa`');
});

t.test('TERM leaves it running: exit 6', async (t) => {
  const fake = await coordinator(t, forever);
  const { io, exit } = startWo(fake, deploy);
  await io.stderr.until('starting');
  io.signals.emit('SIGTERM');
  t.equal(await exit, 6);
  t.equal(io.signals.listenerCount('SIGINT'), 0, 'no listener is left');
});

t.test('Ctrl-C twice, where nobody can be asked, cancels and waits for the end', async (t) => {
  let cancelled: () => void = () => {};
  const wasCancelled = new Promise<void>((resolve) => (cancelled = resolve));
  const fake = await coordinator(t, async function* () {
    yield phaseEvent('web-1', 'starting', 1);
    await wasCancelled;
    yield ended(['web-1', 'web-2'], OperationState.CANCELLED, 0, 0);
  }, { cancelOperation: () => (cancelled(), { operation: operation(['web-1']) }) });
  const { io, exit } = startWo(fake, deploy);
  await io.stderr.until('starting');
  io.signals.emit('SIGINT');
  await io.stderr.until('Ctrl-C again');
  io.signals.emit('SIGINT');
  t.equal(await exit, 1);
  t.same(fake.calls, ['deployNodes', 'watchOperation', 'cancelOperation']);
  t.match(io.stderr.text, 'cancelled in 3.0s');
});

t.test('a third Ctrl-C leaves at once with 130', async (t) => {
  const fake = await coordinator(t, forever, { cancelOperation: () => new Promise(() => {}) });
  const { io, exit } = startWo(fake, deploy);
  await io.stderr.until('starting');
  for (let times = 0; times < 3; times++) io.signals.emit('SIGINT');
  t.equal(await exit, 130);
});

t.test('a stream that breaks is opened anew after the last event', async (t) => {
  const asked: bigint[] = [];
  const first = phaseEvent('web-1', 'running', 1);
  const sequence = first.kind?.$case === 'event' ? first.kind.value.sequence : 0n;
  const fake = await coordinator(t, async function* ({ afterSequence }) {
    asked.push(afterSequence);
    if (asked.length === 1) return yield first;
    yield first;
    yield ended(['web-1'], OperationState.SUCCEEDED, 1, 0);
  });
  const ran = await runWo(fake, deploy);
  t.equal(ran.exit, 0);
  t.same(asked, [0n, sequence]);
  t.match(ran.stderr, 'the coordinator went away');
  t.match(ran.stderr, 'the coordinator is back');
  t.equal(ran.stderr.match(/web-1 running/g)?.length, 1, 'what is repeated is not told twice');
});

t.test('an operation that has ended long ago: its state comes first, its events are told all the same', async (t) => {
  const end = ended(['web-1'], OperationState.FAILED, 0, 1, { error: { ...error, details: {} } });
  const fake = await coordinator(t, async function* () {
    yield end;
    yield phaseEvent('web-1', 'failed', 1, { error, logTail: 'the last line' });
    yield end;
  }, { getOperation: () => ({ operation: operation(['web-1']) }) });
  t.match((await runWo(fake, ['operation', 'watch', 'op-a'])).stderr, '| the last line');
});

t.test('operation watch ends with the code of the operation', async (t) => {
  const fake = await coordinator(t, async function* () {
    yield ended(['web-1', 'web-2'], OperationState.PARTIAL, 1, 1);
  }, { getOperation: () => ({ operation: operation(['web-1', 'web-2']) }) });
  t.equal((await runWo(fake, ['operation', 'watch', 'op-a'])).exit, 3);
});

t.test('a refusal before anything starts: its code, its exit, nothing on stdout', async (t) => {
  const { WombatError } = await import('@wombat/proto');
  const fake = await coordinator(t, forever, {
    deployNodes: () => {
      throw new WombatError('WO_NOT_FOUND', 'there is no family "web"');
    },
  });
  const ran = await runWo(fake, deploy);
  t.equal(ran.exit, 5);
  t.equal(ran.stdout, '');
  t.equal(ran.stderr, 'error WO_NOT_FOUND: there is no family "web"\n  why: No object has this id or name.\n  try: list what there is\n  see: wo explain WO_NOT_FOUND\n');
});

t.test('updates and replacements wait for their turn too, when they are told to', async (t) => {
  const waits: unknown[] = [];
  const answer = operation(['web-1']);
  const fake = await coordinator(t, forever, {
    updateFamily: ({ wait }) => (waits.push(wait?.seconds), { operation: answer }),
    replaceHost: ({ wait }) => (waits.push(wait?.seconds), { operations: [answer] }),
  });
  for (const argv of [['family', 'update', 'web'], ['host', 'replace', 'host-k3', '--yes']]) {
    for (const wait of [[], ['--wait=5m']]) t.equal((await runWo(fake, [...argv, ...wait, '--detach'])).stdout, 'op-aaaaaaaaaaaa\n', argv.join(' '));
  }
  t.strictSame(waits.map((seconds) => seconds === undefined ? undefined : Number(seconds)), [undefined, 300, undefined, 300]);
});

t.test('destroying asks; without a terminal it wants --yes', async (t) => {
  const fake = await coordinator(t, async function* () {
    yield ended(['web-1'], OperationState.SUCCEEDED, 1, 0);
  }, { removeNodes: () => ({ operation: operation(['web-1']), data: [] }), removeHost: () => ({ operation: operation(['web-1']) }) });
  for (const argv of [['node', 'remove', 'web-1'], ['host', 'remove', 'host-a']]) {
    const refused = await runWo(fake, argv);
    t.equal(refused.exit, 2, `${argv.join(' ')} without --yes`);
    t.match(refused.stderr, /WO_CONFIRMATION_NEEDED.*there is no terminal to ask on\n[^]*--yes/);
    t.equal((await runWo(fake, [...argv, '--yes'])).exit, 0, `${argv.join(' ')} --yes`);
  }
});

t.test('removing a node tells how much data it has, and asks only when there is some', async (t) => {
  const asked: RemoveNodesRequest[] = [];
  let data: NodeData[] = [];
  const fake = await coordinator(t, async function* () {
    yield ended(['web-1'], OperationState.SUCCEEDED, 1, 0);
  }, {
    removeNodes: (request) => {
      asked.push(request);
      return { operation: operation(['web-1']), data: request.mutation?.dryRun ? data : [] };
    },
  });
  const removed = async (answers: string, ...argv: string[]) => {
    asked.length = 0;
    const ran = await runWo(fake, ['node', 'remove', 'web-1', ...argv], answers === '' ? {} : { stdin: answers, stdinIsTerminal: true, stderrIsTerminal: true });
    return { ...ran, dataSaid: asked.filter(({ mutation }) => !mutation?.dryRun).map((request) => request.data) };
  };
  const of = (sizeBytes: bigint | undefined, fields: Partial<NodeData> = {}): NodeData => ({ nodeId: 'node-a', nodeName: 'web-1', sizeBytes, empty: false, atLeast: false, ...fields });
  data = [of(0n, { empty: true })];
  t.match(await removed('', '--yes'), { exit: 0, dataSaid: [DataPolicy.UNSPECIFIED] }, 'an empty directory needs no word');
  data = [of(12_900_000n)];
  t.match((await removed('', '--delete-data')).stderr, /deletes the data: web-1: 12\.3 MiB; there is no terminal/, 'who deletes is told how much');
  t.match(await removed('delete\n', '--yes'), { stderr: /data of web-1: 12\.3 MiB; keep or delete\?/, exit: 0, dataSaid: [DataPolicy.DELETE] }, 'asked with the size');
  t.match(await removed('perhaps\n', '--yes'), { exit: 2, dataSaid: [] }, 'no clear word, no removal');
  data = [of(undefined), of(5n, { nodeName: 'web-2', atLeast: true })];
  t.match(await removed('k\n', '--yes'), { stderr: /data of web-1: unknown, its host cannot be asked, web-2: at least 5 B; keep/, dataSaid: [DataPolicy.KEEP] }, 'what is not known is asked for too');
  t.match(await removed('', '--yes', '--keep-data'), { exit: 0, dataSaid: [DataPolicy.KEEP] });
  t.equal(asked.length, 1, 'nothing is measured when it does not matter');
});
