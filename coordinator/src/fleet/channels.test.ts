import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { fromServiceError, isId, limits, newId, WombatError } from '@wombat/proto';
import type { ChannelData, ChannelRequest, ChannelResponse } from '@wombat/proto/agent';
import type { ChannelPurpose } from './fleet.js';
import { FleetHarness } from './testing/fleet-harness.js';
import { settle } from './testing/manual-clock.js';
import type { SimulatedAgent } from './testing/simulated-agent.js';

const purpose: ChannelPurpose = { $case: 'readExecOutput', value: { jobId: newId('job'), targetId: newId('node'), stream: 1, offset: 0n } };
const never = new AbortController().signal;

const chunk = (offset: number, data = Buffer.from('line\n')): ChannelRequest => ({
  channelId: '',
  kind: { $case: 'data', value: { offset: BigInt(offset), data, lostBytes: 0n, log: undefined } },
});

interface Opened {
  readonly harness: FleetHarness;
  readonly agent: SimulatedAgent;
  readonly reader: AsyncIterator<ChannelData>;
  readonly channelId: string;
}

/** A channel that was asked for, and the agent that got the question. */
async function ask(t: Tap, signal = never): Promise<Opened> {
  const harness = await FleetHarness.start(t);
  const agent = await harness.agent(newId('host')).connect();
  const reader = harness.fleet.openChannel(agent.hostId, purpose, signal)[Symbol.asyncIterator]();
  const { channelId } = await agent.next('openChannel');
  return { harness, agent, reader, channelId };
}

type Tap = Parameters<typeof FleetHarness.start>[0];
type Call = ClientDuplexStream<ChannelRequest, ChannelResponse>;

/** Opens the agent's end; its errors are for `endOf`. */
function attach(agent: SimulatedAgent, first: ChannelRequest): Call {
  const call = agent.channel();
  call.on('error', () => undefined);
  call.resume();
  call.write(first);
  return call;
}

const endOf = (call: Call): Promise<Partial<ServiceError>> => new Promise((resolve) => call.on('status', resolve));

async function failureOf(promise: Promise<unknown>): Promise<WombatError> {
  return promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => WombatError.from(error),
  );
}

void t.test('data comes in order until the agent ends', async (t) => {
  const { reader, agent, channelId } = await ask(t);
  t.ok(isId(channelId, 'chn'), channelId);
  const call = attach(agent, { ...chunk(0), channelId });
  const ended = endOf(call);
  for (let offset = 5; offset < 500; offset += 5) call.write(chunk(offset));
  call.end();
  for (let offset = 0; offset < 500; offset += 5) {
    const { value, done } = await reader.next();
    if (done || Number(value.offset) !== offset || value.data.toString() !== 'line\n') t.fail(`at ${offset} came ${value?.offset}`);
  }
  t.same(await reader.next(), { done: true, value: undefined }, 'then the end');
  t.same(await reader.next(), { done: true, value: undefined }, 'and it stays at its end');
  t.equal((await ended).code, status.OK);
});

void t.test('only the host that was asked may attach, once', async (t) => {
  const { harness, reader, agent, channelId } = await ask(t);
  const stranger = await harness.agent(newId('host')).connect();
  const stolen = await endOf(attach(stranger, { ...chunk(0, Buffer.from('forged')), channelId }));
  const unknown = await endOf(attach(stranger, { ...chunk(0), channelId: newId('chn') }));
  t.same(codeOf(stolen), 'WO_CHANNEL_GONE');
  t.same(stolen.details, unknown.details, 'a stranger does not learn that the channel exists');
  const call = attach(agent, { ...chunk(0, Buffer.from('true')), channelId });
  t.equal((await reader.next()).value?.data.toString(), 'true');
  t.same(codeOf(await endOf(attach(agent, { ...chunk(0), channelId }))), 'WO_CHANNEL_GONE', 'a second stream for one channel');
  call.write(chunk(4));
  t.equal((await reader.next()).value?.offset, 4n, 'the first goes on');
});

void t.test('who reads slowly slows the agent down', async (t) => {
  const { reader, agent, channelId } = await ask(t);
  const call = attach(agent, { channelId, kind: undefined });
  const total = 400;
  let written = 0;
  const data = Buffer.alloc(limits.channelChunkBytes);
  const write = (): void => {
    while (written < total && call.write(chunk(written++ * data.length, data)));
    if (written === total) call.end();
  };
  call.on('drain', write);
  write();
  await reader.next();
  let before = -1;
  while (before !== written) {
    before = written;
    await settle(50);
  }
  t.ok(written < total / 2, `the agent waits after ${written} of ${total} chunks`);
  let read = 1;
  while (!(await reader.next()).done) read += 1;
  t.equal(read, total, 'nothing was lost');
});

void t.test('aborting ends the agent\'s stream', async (t) => {
  const controller = new AbortController();
  const { reader, agent, channelId } = await ask(t, controller.signal);
  const call = attach(agent, { ...chunk(0), channelId });
  const ended = endOf(call);
  await reader.next();
  const waiting = failureOf(reader.next());
  controller.abort(new WombatError('WO_CANCELLED', 'the operator is gone'));
  t.equal((await waiting).code, 'WO_CANCELLED');
  t.equal((await ended).code, status.OK, 'the end of our half asks the agent to end its own');
  const gone = harnessless(controller.signal);
  t.equal((await failureOf(gone)).code, 'WO_CANCELLED', 'a signal that has fired opens nothing');

  async function harnessless(signal: AbortSignal): Promise<unknown> {
    const harness = await FleetHarness.start(t);
    return harness.fleet.openChannel(newId('host'), purpose, signal)[Symbol.asyncIterator]().next();
  }
});

void t.test('leaving the loop ends the agent\'s stream', async (t) => {
  const harness = await FleetHarness.start(t);
  const agent = await harness.agent(newId('host')).connect();
  const channel = harness.fleet.openChannel(agent.hostId, purpose, never);
  const { channelId } = await agent.next('openChannel');
  const ended = endOf(attach(agent, { ...chunk(7), channelId }));
  for await (const { offset } of channel) {
    t.equal(offset, 7n);
    break;
  }
  t.equal((await ended).code, status.OK);
});

void t.test('an error of the agent is thrown, after the data before it, cleaned', async (t) => {
  const { reader, agent, channelId } = await ask(t);
  const call = attach(agent, { ...chunk(0), channelId });
  call.write({ channelId: '', kind: { $case: 'error', value: { code: 'WO_CHANNEL_GONE', message: 'no such log\u001b[2J', hint: 'h', details: {} } } });
  t.equal((await reader.next()).value?.offset, 0n);
  const error = await failureOf(reader.next());
  t.match(error, { code: 'WO_CHANNEL_GONE', message: 'no such log', hint: 'h' });
});

void t.test('a chunk over the limit ends the channel', async (t) => {
  const { reader, agent, channelId } = await ask(t);
  attach(agent, { ...chunk(0, Buffer.alloc(limits.channelChunkBytes + 1)), channelId });
  t.equal((await failureOf(reader.next())).code, 'WO_RATE_LIMITED');
});

void t.test('hosts that are not there', async (t) => {
  await t.test('no session', async (t) => {
    const harness = await FleetHarness.start(t);
    const reader = harness.fleet.openChannel(newId('host'), purpose, never)[Symbol.asyncIterator]();
    t.equal((await failureOf(reader.next())).code, 'WO_HOST_UNREACHABLE');
    const stranger = harness.agent(newId('host'));
    t.same(codeOf(await endOf(attach(stranger, { ...chunk(0), channelId: newId('chn') }))), 'WO_CHANNEL_GONE', 'nor may such a host open one');
  });

  await t.test('the session ends', async (t) => {
    const { harness, reader, agent, channelId } = await ask(t);
    const ended = endOf(attach(agent, { channelId, kind: undefined }));
    const waiting = failureOf(reader.next());
    await settle(20);
    harness.fleet.disconnect(agent.hostId, 'revoked');
    const error = await waiting;
    t.match(error, { code: 'WO_HOST_UNREACHABLE', message: /revoked/ });
    t.equal((await ended).code, status.OK);
  });

  await t.test('the stream is lost', async (t) => {
    const { reader, agent, channelId } = await ask(t);
    const call = attach(agent, { ...chunk(0), channelId });
    await reader.next();
    const waiting = reader.next();
    call.cancel();
    // Told as an end or as an error; never as data, and never not at all.
    const result = await waiting.catch((error: unknown) => WombatError.from(error));
    t.ok(result instanceof WombatError ? result.code === 'WO_HOST_UNREACHABLE' : result.done, 'the reader is told');
  });

  await t.test('the agent does not come in 10 s', async (t) => {
    const { harness, reader, agent } = await ask(t);
    const waiting = failureOf(reader.next());
    const nameless = agent.channel();
    nameless.on('error', () => undefined);
    const namelessEnd = endOf(nameless);
    await harness.clock.advance(9_500);
    t.ok(harness.fleet.isConnected(agent.hostId), 'the session itself is not concerned');
    await harness.clock.advance(1_000);
    t.match(await waiting, { code: 'WO_HOST_UNREACHABLE', message: /did not open the channel in 10 s/ });
    t.equal((await namelessEnd).code, status.DEADLINE_EXCEEDED, 'nor may a stream stay without a name');
  });
});

void t.test('a host serves so many channels and no more', async (t) => {
  const harness = await FleetHarness.start(t, { channelsPerHost: 2 });
  const agent = await harness.agent(newId('host')).connect();
  const open = (): AsyncIterator<ChannelData> => harness.fleet.openChannel(agent.hostId, purpose, never)[Symbol.asyncIterator]();
  const [first] = [open(), open()];
  t.equal((await failureOf(open().next())).code, 'WO_RATE_LIMITED');
  await first!.return?.();
  const again = open();
  const { channelId } = (await agent.next('openChannel'), await agent.next('openChannel'), await agent.next('openChannel'));
  attach(agent, { ...chunk(3), channelId });
  t.equal((await again.next()).value?.offset, 3n, 'a place that was left can be taken');
});

void t.test('stopping ends readers', async (t) => {
  const { harness, reader } = await ask(t);
  const waiting = failureOf(reader.next());
  await harness.stop();
  t.equal((await waiting).code, 'WO_UNAVAILABLE');
});

const codeOf = (end: Partial<ServiceError>): string => fromServiceError(end).code;
