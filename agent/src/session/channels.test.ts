import type { ChannelData, ChannelRequest, OpenChannel } from '@wombat/proto/agent';
import { limits, WombatError } from '@wombat/proto';
import t, { type Test } from 'tap';
import { sessionBench, type SessionBench } from '../testing/session-bench.js';
import type { ChannelServerCall } from '../testing/stand-in-coordinator.js';
import { until } from '../testing/until.js';
import { CoordinatorArtifactSource } from './coordinator-artifact-source.js';

const never = new AbortController().signal;

const readLogs: OpenChannel = {
  channelId: 'chn-aaaaaaaaaaaa',
  purpose: { $case: 'readLogs', value: { nodes: [{ nodeId: 'node-aaaaaaaaaaaa', positions: [] }], selection: undefined, start: undefined, filter: undefined, follow: false, listOnly: false } },
};

async function openBench(t: Test): Promise<SessionBench> {
  const bench = await sessionBench(t);
  bench.start();
  await bench.seen('status');
  return bench;
}

/** Asks for the channel and answers the stream that the agent opens for it. */
async function openChannel(bench: SessionBench, request: OpenChannel = readLogs): Promise<ChannelServerCall> {
  let opened: ChannelServerCall | undefined;
  bench.standIn.behaviour.channel = (call) => (opened = call);
  bench.calls.at(-1)!.write({ frame: { $case: 'openChannel', value: request } });
  return until(() => opened, 'the stream of the channel');
}

function collect(call: ChannelServerCall): { readonly messages: ChannelRequest[]; readonly ended: Promise<void> } {
  const messages: ChannelRequest[] = [];
  const ended = new Promise<void>((resolve) => call.on('data', (message: ChannelRequest) => messages.push(message)).on('end', () => (call.end(), resolve())));
  return { messages, ended };
}

t.test('a channel names itself, then sends its data in chunks, then ends', async (t) => {
  const bench = await openBench(t);
  const size = limits.channelChunkBytes * 2 + 10;
  bench.handlers.log = async function* () {
    yield { offset: 100n, data: Buffer.alloc(size, 'x'), lostBytes: 100n, log: undefined };
  };
  const { messages, ended } = collect(await openChannel(bench));
  await ended;
  t.equal(messages[0]?.channelId, readLogs.channelId, 'the first message names the channel');
  const chunks = messages.flatMap(({ kind }) => (kind?.$case === 'data' ? [kind.value] : []));
  t.same(chunks.map(({ offset, data, lostBytes }) => [offset, data.length, lostBytes]), [
    [100n, limits.channelChunkBytes, 100n],
    [100n + BigInt(limits.channelChunkBytes), limits.channelChunkBytes, 0n],
    [100n + BigInt(2 * limits.channelChunkBytes), 10, 0n],
  ], 'chunks keep within the limit and know where they belong');
  t.equal(bench.session.state(), 'open', 'the session goes on');
});

t.test('a reader that does not read stops the log being read', async (t) => {
  const bench = await openBench(t);
  let produced = 0;
  const total = 1_000;
  bench.handlers.log = async function* () {
    for (; produced < total; produced++) yield { offset: 0n, data: Buffer.alloc(limits.channelChunkBytes), lostBytes: 0n, log: undefined };
  };
  const call = await openChannel(bench);
  // Both ends' buffers and windows fill up; then nothing more is taken from the file.
  let before = -1;
  await until(() => {
    const stands = produced === before && produced > 0;
    before = produced;
    return stands;
  }, 'the log to stand still');
  t.ok(produced < total / 4, `flow control held it after ${produced} chunks`);
  const { ended, messages } = collect(call);
  await ended;
  t.equal(messages.length, total + 1, 'then all of it came');
});

t.test('the end of the coordinator ends the channel, and a follower hears it', async (t) => {
  const bench = await openBench(t);
  let heard = false;
  bench.handlers.log = async function* (_, signal): AsyncGenerator<ChannelData> {
    yield { offset: 0n, data: Buffer.from('first'), lostBytes: 0n, log: undefined };
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    heard = true;
  };
  const call = await openChannel(bench);
  call.on('data', ({ kind }: ChannelRequest) => kind && call.end());
  await until(() => heard, 'the signal of the reader');
  t.equal(bench.session.state(), 'open', 'the session goes on');
});

t.test('what cannot be served is said on the channel', async (t) => {
  const bench = await openBench(t);
  bench.handlers.log = () => {
    throw new WombatError('WO_CHANNEL_GONE', 'there is no such node');
  };
  const missing = collect(await openChannel(bench));
  await missing.ended;
  t.match(missing.messages.at(-1), { kind: { $case: 'error', value: { code: 'WO_CHANNEL_GONE' } } }, 'the code is that of the handler');
  const unknown = collect(await openChannel(bench, { channelId: 'chn-bbbbbbbbbbbb', purpose: undefined }));
  await unknown.ended;
  t.match(unknown.messages.at(-1), { kind: { $case: 'error', value: { code: 'WO_METHOD_UNKNOWN' } } }, 'a purpose of a later version is refused');
});

t.test('artifacts come over the same connection, from the offset asked for', async (t) => {
  const bench = await openBench(t);
  const source = new CoordinatorArtifactSource(bench.link);
  bench.standIn.behaviour.fetch = (call) => {
    const { sha256, offset } = call.request;
    call.write({ data: Buffer.from(`${sha256} from ${offset}`) });
    call.write({ data: Buffer.from(', more') });
    call.end();
  };
  const chunks: string[] = [];
  for await (const chunk of source.fetch('abc', 17, new AbortController().signal)) chunks.push(Buffer.from(chunk).toString());
  t.equal(chunks.join(''), 'abc from 17, more', 'all chunks came in order');
  t.equal(bench.standIn.sockets.size, 1, 'on the one connection');
});

t.test('a fetch that fails, is aborted or is left ends its stream', async (t) => {
  const bench = await openBench(t);
  const source = new CoordinatorArtifactSource(bench.link);
  const drain = async (signal: AbortSignal, most = Infinity): Promise<number> => {
    let count = 0;
    for await (const _ of source.fetch('abc', 0, signal)) if (++count >= most) break;
    return count;
  };
  bench.standIn.behaviour.fetch = (call) => call.emit('error', Object.assign(new Error('no such artifact'), { code: 5, details: 'no such artifact' }));
  await t.rejects(drain(never), { code: 'WO_NOT_FOUND' }, 'the error of the coordinator is passed on');
  let [asked, cancelled] = [0, 0];
  bench.standIn.behaviour.fetch = (call) => {
    asked++;
    call.on('cancelled', () => cancelled++);
    call.write({ data: Buffer.from('some') });
  };
  t.equal(await drain(never, 1), 1, 'a reader may leave');
  const abort = new AbortController();
  const aborted = drain(abort.signal);
  await until(() => asked === 2, 'the second fetch to reach the coordinator');
  abort.abort(new WombatError('WO_CANCELLED', 'no longer wanted'));
  await t.rejects(aborted, { code: 'WO_CANCELLED' }, 'an abort rejects with its reason');
  await until(() => cancelled === 2, 'the coordinator to hear of both');
  t.equal(bench.session.state(), 'open', 'the session goes on');
});

t.test('a fetch without a session waits for the next one', async (t) => {
  const bench = await sessionBench(t);
  bench.standIn.behaviour.fetch = (call) => {
    call.write({ data: Buffer.from('come') });
    call.end();
  };
  const source = new CoordinatorArtifactSource(bench.link);
  const first = (signal: AbortSignal): Promise<IteratorResult<Uint8Array>> => source.fetch('abc', 0, signal)[Symbol.asyncIterator]().next();
  const abort = new AbortController();
  const [aborted, waiting] = [first(abort.signal), first(never)];
  abort.abort(new WombatError('WO_CANCELLED', 'no longer wanted'));
  await t.rejects(aborted, { code: 'WO_CANCELLED' }, 'unless it is no longer wanted');
  void bench.start();
  t.equal(Buffer.from((await waiting).value as Uint8Array).toString(), 'come', 'and comes as soon as it is open');
});
