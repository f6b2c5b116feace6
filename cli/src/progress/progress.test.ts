import { setImmediate as turn } from 'node:timers/promises';
import { OperationState, PlanAction, StepState } from '@wombat/proto/control';
import stringWidth from 'string-width';
import t from 'tap';
import { createRuntime, type Runtime } from '../runtime.js';
import { coloursFor } from '../terminal/colours.js';
import { LiveArea } from '../terminal/live-area.js';
import { Captured, fakeIo, type FakeIo } from '../testing/fake-io.js';
import { operation, operationMessage, phaseEvent, startedAt } from '../testing/objects.js';
import { Interrupts } from './interrupts.js';
import { liveFrame } from './live-frame.js';
import { OperationView } from './operation-view.js';
import { chooseRenderer } from './renderer.js';

const colours = coloursFor(new Captured(), {}, 'never');
const frame = (view: OperationView, seconds: number, columns = 80, rows = 40): string[] => liveFrame(view, { nowMs: startedAt.getTime() + seconds * 1000, columns, rows, colours }).split('\n');

t.test('the view follows plan and events', async (t) => {
  const view = new OperationView(operation(['a', 'b']));
  t.same([...view.targets.values()].map(({ name, phase }) => `${name} ${phase}`), ['a pending', 'b pending'], 'what is planned is there from the start');
  t.match(view.apply(phaseEvent('a', 'starting', 1)), { subject: 'a', phase: 'starting', isFailure: false });
  t.equal(view.apply(phaseEvent('a', 'starting', 2)), undefined, 'the same phase again is no change');
  t.match(view.apply(phaseEvent('b', 'failed', 3, { error: { code: 'WO_NODE_EXITED', message: 'gone', hint: 'h' }, logTail: 'x' })), { isFailure: true, message: 'WO_NODE_EXITED: gone' });
  t.match(view.failed, [{ name: 'b', logTail: 'x', error: { hint: 'h' } }]);
  t.same([...view.counts('node')], [['starting', 1], ['failed', 1]]);
  t.equal(view.isFinished, false);
  view.apply(operationMessage(operation(['a', 'b'], { state: OperationState.PARTIAL })));
  t.equal(view.isFinished, true);
});

t.test('an event that is known already, one without a payload, and one of another kind', async (t) => {
  const view = new OperationView(operation(['a']));
  const message = phaseEvent('a', 'starting', 1);
  t.ok(view.apply(message));
  t.equal(view.apply(message), undefined, 'a stream that was opened anew repeats itself');
  const plain = phaseEvent('a', 'running', 2);
  if (plain.kind?.$case === 'event') plain.kind.value.payload = 'no json';
  t.match(view.apply(plain), { phase: 'running' }, 'the reason stands in for the payload');
  const crash = phaseEvent('a', 'x', 3);
  if (crash.kind?.$case === 'event') Object.assign(crash.kind.value, { type: 'node.restarted', message: 'a crashed and is started again' });
  t.match(view.apply(crash), { phase: 'restarted', message: 'a crashed and is started again' });
});

t.test('what has ended in good order is not said to run', async (t) => {
  const view = new OperationView(operation(['a', 'b']));
  view.apply(phaseEvent('a', 'running', 1));
  t.equal(view.outcome, 'running');
  view.apply(phaseEvent('b', 'stopped', 2));
  t.equal(view.outcome, 'running or ended in good order');
});

t.test('nodes that are stopped do not begin as pending', async (t) => {
  const stop = operation([], { plan: [{ action: PlanAction.STOP_NODE, nodeId: 'node-a', nodeName: 'a', hostId: '', hostName: '', domainId: '', domainName: '', reason: '', state: StepState.UNSPECIFIED, since: undefined, why: '' }] });
  t.same([...new OperationView(stop).targets.values()].map(({ phase }) => phase), ['']);
});

t.test('a frame: a line for each node, as wide as the terminal at most', async (t) => {
  const view = new OperationView(operation(['web-1', 'web-2', 'web-3'], { waiting: { reason: 'capacity', since: undefined, nextTryAt: undefined } }));
  view.apply(phaseEvent('web-1', 'running', 1.5));
  view.apply(phaseEvent('web-2', 'failed', 2, { error: { code: 'WO_NODE_EXITED', message: `exit 3 ${'x'.repeat(100)}\x1b[2J`, hint: '' } }));
  t.same(frame(view, 4).map((line) => line.slice(0, 52)), [
    'deploy op-aaaaaaaaaaaa  1/3, 1 failed  4.0s  waits: ',
    '  ✓ web-1  running      1.5s',
    '  ✗ web-2  failed       WO_NODE_EXITED: exit 3 xxxxx',
    '  • web-3  pending',
  ]);
  t.ok(frame(view, 4, 60).slice(1).every((line) => line.length <= 60), 'no line wraps: it could not be written over');
  t.notMatch(frame(view, 4, 1000).join('\n'), /\x1b/);
  view.apply(operationMessage(operation([], { state: OperationState.PARTIAL, progress: { total: 3, done: 1, failed: 1 }, finishedAt: new Date(startedAt.getTime() + 5000) })));
  t.equal(frame(view, 99)[0], '✗ deploy op-aaaaaaaaaaaa partial in 5.0s: 1 of 3 running, 1 failed');
});

t.test('more than 20 nodes: counts, and the first failures', async (t) => {
  const names = Array.from({ length: 30 }, (_, index) => `web-${index + 1}`);
  const view = new OperationView(operation(names));
  for (const name of names.slice(0, 10)) view.apply(phaseEvent(name, 'running', 1));
  for (const name of names.slice(10, 18)) view.apply(phaseEvent(name, 'failed', 1, { error: { code: 'WO_PORT_IN_USE', message: 'taken', hint: '' } }));
  const lines = frame(view, 2);
  t.equal(lines[1], '  • pending 12   ✓ running 10   ✗ failed 8');
  t.equal(lines.length, 2 + 5 + 1);
  t.equal(lines.at(-1), '  and 3 more failed');
});

const flags = { context: undefined, address: undefined, output: undefined, quiet: false, verbose: false, noColor: true, color: undefined, progress: undefined, timeout: undefined, yes: false, noInput: false, debug: false };

function runtimeOn(stderrIsTerminal: boolean, env: Record<string, string>): { runtime: Runtime; io: FakeIo } {
  const io = fakeIo({ stderrIsTerminal, env });
  return { io, runtime: createRuntime({ io, flags }) };
}

t.test('live lines on a terminal, plain ones on a dumb one and elsewhere', async (t) => {
  for (const [isTerminal, env, isLive] of [[true, { TERM: 'xterm' }, true], [true, { TERM: 'dumb' }, false], [false, { TERM: 'xterm' }, false]] as const) {
    const { runtime, io } = runtimeOn(isTerminal, env);
    const renderer = await chooseRenderer(runtime);
    t.equal(renderer.showsEnd, isLive, `${isTerminal} ${env.TERM}`);
    const view = new OperationView(operation(['a']));
    renderer.changed(view, view.apply(phaseEvent('a', 'running', 1)));
    const resume = renderer.pause(view);
    resume();
    renderer.end(view);
    t.equal(io.stderr.text.includes('\x1b['), isLive, 'only live lines move the cursor');
    t.match(io.stderr.text, 'a');
    t.equal(io.stdout.text, '');
    runtime.close();
  }
});

interface Hand {
  readonly told: string[];
  readonly io: FakeIo;
  /** Lets the two seconds pass. */
  readonly pass: () => void;
  readonly interrupts: Interrupts;
}

function hand(answer: boolean | Error): Hand {
  const io = fakeIo();
  const told: string[] = [];
  let pass = (): void => {};
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: (ms: number, signal?: AbortSignal) => new Promise<void>((resolve, reject) => {
      told.push(`waits ${ms} ms`);
      pass = resolve;
      signal?.addEventListener('abort', () => reject(new Error('aborted')));
    }),
  };
  const interrupts = new Interrupts(io, clock, {
    warn: () => told.push('warn'),
    detach: () => told.push('detach'),
    abandon: () => told.push('abandon'),
    cancel: async () => void told.push('cancel'),
    askToCancel: async () => {
      told.push('ask');
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  return { told, io, interrupts, pass: () => pass() };
}

t.test('Ctrl-C: once detaches after two seconds', async (t) => {
  const { told, io, pass } = hand(true);
  io.signals.emit('SIGINT');
  t.same(told, ['warn', 'waits 2000 ms']);
  pass();
  await turn();
  t.same(told, ['warn', 'waits 2000 ms', 'detach']);
});

t.test('Ctrl-C: the second within two seconds asks; yes cancels, no and an answer that never comes detach', async (t) => {
  for (const [answer, then] of [[true, 'cancel'], [false, 'detach'], [new Error('closed'), 'detach']] as const) {
    const { told, io } = hand(answer);
    io.signals.emit('SIGINT');
    io.signals.emit('SIGINT');
    await turn();
    t.same(told, ['warn', 'waits 2000 ms', 'ask', then]);
  }
});

t.test('Ctrl-C: the third abandons; TERM detaches; closed, nothing is heard any more', async (t) => {
  const { told, io, interrupts } = hand(true);
  io.signals.emit('SIGTERM');
  for (let times = 0; times < 3; times++) io.signals.emit('SIGINT');
  t.same(told.filter((word) => !word.startsWith('waits')), ['detach', 'warn', 'ask', 'abandon']);
  interrupts.close();
  t.equal(io.signals.listenerCount('SIGINT') + io.signals.listenerCount('SIGTERM'), 0);
});

t.test('a low or narrow window gets a picture that fits; the last one may be larger', async (t) => {
  const names = Array.from({ length: 15 }, (_, index) => `node-with-a-rather-long-name-日本-${index + 1}`);
  const view = new OperationView(operation(names));
  view.apply(phaseEvent(names[0]!, 'failed', 1, { error: { code: 'WO_PORT_IN_USE', message: 'taken '.repeat(20), hint: '' } }));
  t.equal(frame(view, 2, 80, 24).length, 16, 'a line for each where there is room');
  t.equal(frame(view, 2, 80, 12).length, 3, 'counts where there is not');
  for (const columns of [20, 40, 80, 200]) t.ok(frame(view, 2, columns).every((line) => stringWidth(line) < columns), `at ${columns} columns no line wraps`);
  view.apply(operationMessage(operation([], { state: OperationState.FAILED })));
  t.equal(frame(view, 2, 40, 12).length, 16);
});

t.test('the live area takes back what it wrote, as wide as the window is now', async (t) => {
  const out = Object.assign(new Captured(true), { columns: 80 });
  const area = new LiveArea(out);
  area.draw('a\n123456789012345');
  area.draw('a\n123456789012345');
  t.equal(out.text, '\r\x1b[Ja\n123456789012345\n', 'the same picture is not written again');
  out.columns = 10;
  area.draw('b');
  t.ok(out.text.endsWith('\r\x1b[3A\x1b[Jb\n'), 'the second line takes two rows by now');
  area.persist('said');
  t.ok(out.text.endsWith('\r\x1b[1A\x1b[Jsaid\n\r\x1b[Jb\n'), 'what stays is above');
  area.done();
  area.draw('c');
  t.ok(out.text.endsWith('b\n\r\x1b[Jc\n'), 'what is done is left alone');
});
