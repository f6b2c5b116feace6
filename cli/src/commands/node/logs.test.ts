import { WombatError } from '@wombat/proto';
import type { ReadNodeLogsRequest} from '@wombat/proto/control';
import { LogPiece, type ReadNodeLogsResponse } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { FakeCoordinator, type Handlers } from '../../testing/fake-coordinator.js';
import { runWo, startWo } from '../../testing/run-wo.js';

async function coordinator(t: Test, handlers: Handlers): Promise<FakeCoordinator> {
  const fake = await FakeCoordinator.start();
  t.teardown(() => fake.stop());
  fake.handlers = handlers;
  return fake;
}

const node = (name: string, removed = false): ReadNodeLogsResponse => ({
  kind: { $case: 'node', value: { nodeId: `id-${name}`, nodeName: name, hostId: '', removedAt: removed ? new Date(Date.now() - 7_200_000) : undefined, keptUntil: removed ? new Date(2e12) : undefined } },
});
const piece = (name: string, text: string, fields: Partial<LogPiece> = {}): ReadNodeLogsResponse => {
  const { offset = 0n } = fields;
  return { kind: { $case: 'piece', value: LogPiece.fromPartial({ nodeId: `id-${name}`, log: 'stdout', offset, data: Buffer.from(text), nextOffset: offset + BigInt(Buffer.byteLength(text)), ...fields }) } };
};
const problem = (name: string, code: string, retrying = false): ReadNodeLogsResponse => ({ kind: { $case: 'problem', value: { nodeId: `id-${name}`, nodeName: name, retrying, error: { code, message: `trouble with ${name}`, hint: 'look', details: {} } } } });

/** A coordinator that answers always the same, and remembers what it was asked. */
async function answering(t: Test, ...answers: readonly ReadNodeLogsResponse[]): Promise<{ fake: FakeCoordinator; asked: ReadNodeLogsRequest[] }> {
  const asked: ReadNodeLogsRequest[] = [];
  const fake = await coordinator(t, {
    readNodeLogs: async function* (request) {
      asked.push(request);
      yield* answers;
    },
  });
  return { fake, asked };
}

const requests: readonly [words: readonly string[], expected: object][] = [
  [[], { selection: { stdout: true, stderr: true, files: [] }, start: { tailLines: 100 }, filter: undefined, follow: false }],
  [['--tail', '7', '--stderr'], { selection: { stdout: false, stderr: true }, start: { tailLines: 7 } }],
  [['--since', '10m'], { start: { since: { $case: 'ago', value: { seconds: 600n } }, tailLines: undefined } }],
  [['--since', '2026-01-31T12:00:00+01:00'], { start: { since: { $case: 'time', value: new Date('2026-01-31T11:00:00Z') } } }],
  [['--grep', 'Err', '-i'], { filter: { text: 'Err', ignoreCase: true }, start: { tailLines: undefined } }],
  [['--grep', '/E.r/'], { filter: undefined, start: { tailLines: undefined } }],
  [['--file', '*.log', '--file', 'log/x'], { selection: { stdout: false, stderr: false, files: ['*.log', 'log/x'] } }],
  [['--file', '*.log', '--stream', 'stdout'], { selection: { stdout: true, stderr: false, files: ['*.log'] } }],
];
t.test('what is asked for', async (t) => {
  const { fake, asked } = await answering(t, node('web-1'));
  for (const [words, expected] of requests) {
    const ran = await runWo(fake, ['logs', 'web-1', ...words]);
    t.equal(ran.exit, 0, ran.stderr);
    t.match(asked.at(-1), { nodes: ['web-1'], ...expected }, words.join(' ') || 'nothing more');
  }
});

const refused: readonly (readonly string[])[] = [['--since', 'yesterday'], ['--since', '2026-13-01T00:00:00Z'], ['--grep', '/(/'], ['--grep', ''], ['-i'], ['--stderr', '--stream', 'stdout'], ['--stream', 'both'], ['--tail', '-1']];
t.test('what cannot be meant is refused before anybody is asked', async (t) => {
  const { fake } = await answering(t);
  for (const words of refused) t.equal((await runWo(fake, ['logs', 'web-1', ...words])).exit, 2, words.join(' '));
  t.equal((await runWo(fake, ['logs'])).exit, 2, 'no node');
  t.same(fake.calls, []);
});

t.test('lines of several logs, each whole and with where it comes from', async (t) => {
  const { fake } = await answering(t, node('web-1'), node('web-10'), piece('web-1', 'one\ntw'), piece('web-10', 'bad\n', { log: 'stderr' }), piece('web-1', 'o\nthree', { offset: 6n }));
  const ran = await runWo(fake, ['logs', 'web']);
  t.equal(ran.stdout, ['web-1  | one', 'web-10 stderr | bad', 'web-1         | two', 'web-1         | three', ''].join('\n'));
  const json = (await runWo(fake, ['logs', 'web', '-o', 'jsonl'])).stdout.trim().split('\n').map((line) => JSON.parse(line) as object);
  t.match(json[1], { nodeId: 'id-web-10', nodeName: 'web-10', log: 'stderr', line: 'bad' });
  t.equal((await runWo(fake, ['logs', 'web', '--grep', '/^t/'])).stdout, 'web-1  | two\nweb-1  | three\n');
});

t.test('one log into a pipe is its bytes; onto a terminal nothing can steer it', async (t) => {
  const { fake } = await answering(t, node('web-1'), piece('web-1', 'a\x1b[2Jb\r\nrest'));
  t.equal((await runWo(fake, ['logs', 'web-1', '--stream', 'stdout'])).stdout, 'a\x1b[2Jb\r\nrest');
  t.equal((await runWo(fake, ['logs', 'web-1'], { stdoutIsTerminal: true, env: { NO_COLOR: '1' } })).stdout, 'a\\x1b[2Jb\nrest\n');
});

t.test('gaps, removed nodes, and nodes that cannot be read', async (t) => {
  const { fake } = await answering(t, node('web-1', true), node('web-2'), piece('web-1', 'x\n', { lostBytes: 319_488n }), piece('web-1', 'y\n', { torn: true }), problem('web-2', 'WO_HOST_UNREACHABLE'));
  const ran = await runWo(fake, ['logs', 'web']);
  t.equal(ran.exit, 3, 'some could be read');
  t.match(ran.stderr, /^web-1 was removed 2h ago; its logs are kept until 2033-/);
  t.match(ran.stderr, 'web-1 | [312 KiB lost]\n');
  t.match(ran.stderr, 'web-1 | [some output may be missing here]\n');
  t.match(ran.stderr, 'web-2: WO_HOST_UNREACHABLE: trouble with web-2\n');
  const { fake: alone } = await answering(t, node('web-2'), problem('web-2', 'WO_CHANNEL_GONE'));
  const failed = await runWo(alone, ['logs', 'web-2']);
  t.equal(failed.exit, 1);
  t.match(failed.stderr, /^error WO_CHANNEL_GONE: trouble with web-2\n/);
});

t.test('following goes on where it broke, and Ctrl-C ends it', async (t) => {
  const asked: ReadNodeLogsRequest[] = [];
  const fake = await coordinator(t, {
    readNodeLogs: async function* (request, signal) {
      asked.push(request);
      yield node('web-1');
      if (asked.length === 1) {
        yield piece('web-1', 'hal', { offset: 100n });
        throw new WombatError('WO_UNAVAILABLE', 'stopping');
      }
      yield piece('web-1', 'f\n', { offset: 103n });
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  });
  const { io, exit } = startWo(fake, ['logs', 'web-1', '-f']);
  await io.stdout.until('half\n');
  t.match(asked[1]?.positions, [{ nodeId: 'id-web-1', position: { log: 'stdout', offset: 103n } }]);
  t.match(io.stderr.text, 'stopping; trying again');
  io.signals.emit('SIGINT');
  t.equal(await exit, 130);
});

t.test('which logs there are', async (t) => {
  const fake = await coordinator(t, {
    listNodeLogs: () => ({ logs: [{ nodeId: 'n', nodeName: 'web-1', log: 'log/x\x1b.log', oldestOffset: 1024n, endOffset: 3072n, modifiedAt: new Date() }], nodes: [], problems: [], omitted: [] }),
  });
  t.match((await runWo(fake, ['logs', 'web-1', '--list'])).stdout, /^NODE +LOG +KEPT +FROM +WRITTEN\nweb-1 +log\/x\\x1b\.log +2\.0 KiB +1024 +\d+s ago\n$/);
});
