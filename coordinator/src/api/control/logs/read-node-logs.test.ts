import { setTimeout as sleep } from 'node:timers/promises';
import { WombatError } from '@wombat/proto';
import type { ChannelData, LogOf, ReadLogs } from '@wombat/proto/agent';
import { ListNodeLogsRequest, ReadNodeLogsRequest, type ReadNodeLogsResponse } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { ManualClock, settle } from '../../../fleet/testing/manual-clock.js';
import { idNumber } from '../../../testing/counting-ids.js';
import { FakeFleet } from '../../../testing/fake-fleet.js';
import { familyRow, hostRow, nodeRow } from '../../../testing/rows.js';
import { change, openTestStore, put } from '../../../testing/test-store.js';
import { listNodeLogs } from './list-node-logs.js';
import { readNodeLogs } from './read-node-logs.js';

const never = new AbortController().signal;
const day = 24 * 3600_000;

function chunk(number: number, text: string, fields: Partial<LogOf> = {}, offset = 0n): ChannelData {
  const log: LogOf = { nodeId: idNumber('node', number), log: 'stdout', nextOffset: offset + BigInt(text.length), torn: false, modifiedAt: undefined, omittedFiles: 0, ended: false, error: undefined, ...fields };
  return { offset, data: Buffer.from(text), lostBytes: 0n, log };
}

/** Family "web" with the nodes 1, 2 and 10, each on a host of its own; all hosts are connected. */
async function setting(test: Test) {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  const fleet = new FakeFleet();
  const web = familyRow({ name: 'web' }, {}, 1);
  await put(store, 'families', web);
  await put(store, 'hosts', hostRow(1), hostRow(2), hostRow(10));
  await put(store, 'nodes', nodeRow(web.id, 1), nodeRow(web.id, 2), nodeRow(web.id, 10));
  fleet.connect(...[1, 2, 10].map((number) => idNumber('host', number)));
  const tools = { store, clock, fleet };
  const read = (request: Partial<ReadNodeLogsRequest>, signal = never): AsyncGenerator<ReadNodeLogsResponse> => readNodeLogs(tools, ReadNodeLogsRequest.fromPartial({ nodes: ['web'], ...request }), signal);
  return { clock, store, fleet, web, tools, read };
}

/** "1:text", "!2:WO_CODE", "+name" for each answer. */
function brief({ kind }: ReadNodeLogsResponse): string {
  switch (kind?.$case) {
    case 'node':
      return `+${kind.value.nodeName}`;
    case 'piece':
      return `${kind.value.nodeId.slice(-2)}:${String(Buffer.from(kind.value.data))}`;
    case 'problem':
      return `!${kind.value.nodeName}:${kind.value.error?.code}${kind.value.retrying ? '~' : ''}`;
    default:
      return kind?.$case ?? 'nothing';
  }
}

async function all(answers: AsyncIterable<ReadNodeLogsResponse>): Promise<string[]> {
  const texts: string[] = [];
  for await (const answer of answers) texts.push(brief(answer));
  return texts;
}

t.test('nodes one after another, in the order of their names; those that cannot be read are told', async (t) => {
  const { fleet, read, store } = await setting(t);
  const [one, two, ten] = [1, 2, 10].map((number) => idNumber('node', number).slice(-2));
  fleet.channel = async function* (purpose) {
    const asked = (purpose as { value: ReadLogs }).value.nodes[0]!.nodeId;
    const number = [1, 2, 10].find((each) => idNumber('node', each) === asked)!;
    // The first is the slowest.
    if (number === 1) await sleep(30);
    yield chunk(number, 'text');
  };
  t.same(await all(read({})), ['+web-1', '+web-2', '+web-10', `${one}:text`, `${two}:text`, `${ten}:text`]);
  t.match(fleet.opened[0]?.purpose, { $case: 'readLogs', value: { selection: { stdout: true, stderr: true }, start: { tailLines: 100 }, follow: false } });
  fleet.connected.delete(idNumber('host', 2));
  await change(store, 'hosts', idNumber('host', 10), { phase: 'gone' });
  t.same(await all(read({})), ['+web-1', '+web-2', '+web-10', `${one}:text`, '!web-2:WO_HOST_UNREACHABLE', '!web-10:WO_CHANNEL_GONE']);
});

t.test('a host may not speak of nodes that it was not asked for', async (t) => {
  const { fleet, read } = await setting(t);
  fleet.channel = async function* () {
    yield chunk(2, 'forged');
  };
  t.match(await all(read({ nodes: ['web-1'] })), ['+web-1', '!web-1:WO_INTERNAL']);
});

t.test('a removed node is found, for a day', async (t) => {
  const { fleet, read, store, clock } = await setting(t);
  await change(store, 'nodes', idNumber('node', 1), { phase: 'gone', phaseSince: clock.now() });
  fleet.channel = async function* () {
    yield chunk(1, 'last words');
  };
  const [first] = await all(read({ nodes: ['web-1'] }));
  t.equal(first, '+web-1');
  t.notOk((await all(read({}))).includes('+web-1'), 'its family no longer has it');
  clock.advance(day + 1);
  t.same(await all(read({ nodes: ['web-1'] })), ['+web-1', '!web-1:WO_CHANNEL_GONE']);
});

t.test('following goes on where a host stopped, and takes in nodes that join', async (t) => {
  const { fleet, read, store, clock, web } = await setting(t);
  const stop = new AbortController();
  let opened = 0;
  fleet.channel = async function* (purpose) {
    const { nodes, start } = (purpose as { value: ReadLogs }).value;
    if (nodes[0]!.nodeId === idNumber('node', 3)) {
      t.equal(start, undefined, 'all that a new node wrote is new');
      yield chunk(3, 'joined');
    } else if (++opened === 1) {
      yield chunk(1, 'abc');
      throw new WombatError('WO_HOST_UNREACHABLE', 'no session');
    } else {
      t.match(nodes, [{ positions: [{ log: 'stdout', offset: 3n }] }], 'from where it stopped');
      yield chunk(1, 'def', {}, 3n);
    }
    await new Promise((resolve) => stop.signal.addEventListener('abort', resolve));
  };
  for (const number of [2, 10]) await change(store, 'nodes', idNumber('node', number), { phase: 'gone' });
  const seen: string[] = [];
  const reading = (async () => {
    for await (const answer of read({ follow: true }, stop.signal)) seen.push(brief(answer));
  })();
  const turn = async (): Promise<void> => {
    for (let round = 0; round < 8; round++) {
      await settle();
      clock.advance(500);
    }
    await settle();
  };
  await turn();
  await put(store, 'hosts', hostRow(3));
  fleet.connect(idNumber('host', 3));
  await put(store, 'nodes', nodeRow(web.id, 3));
  for (let patience = 0; !seen.includes(`${idNumber('node', 3).slice(-2)}:joined`) && patience < 50; patience++) await turn();
  const me = idNumber('node', 1).slice(-2);
  t.same(seen.filter((text) => text !== '+web-3'), ['+web-1', `${me}:abc`, `${me}:def`, `${idNumber('node', 3).slice(-2)}:joined`]);
  stop.abort(new WombatError('WO_CANCELLED', 'enough'));
  await t.rejects(reading, { code: 'WO_CANCELLED' });
});

t.test('what is refused, before any host is asked', async (t) => {
  const { fleet, read, store, web } = await setting(t);
  await t.rejects(all(read({ nodes: ['nobody'] })), { code: 'WO_NOT_FOUND' });
  await t.rejects(all(read({ filter: { text: 'x'.repeat(257), ignoreCase: false } })), { code: 'WO_INVALID_ARGUMENT' });
  await t.rejects(all(read({ filter: { text: 'a\nb', ignoreCase: false } })), { code: 'WO_INVALID_ARGUMENT' });
  await t.rejects(all(read({ positions: [{ nodeId: 'x', position: { log: 'stdout', offset: 2n ** 60n } }] })), { code: 'WO_INVALID_ARGUMENT' });
  await put(store, 'nodes', ...Array.from({ length: 198 }, (_, index) => nodeRow(web.id, 100 + index)));
  await t.rejects(all(read({})), { code: 'WO_INVALID_ARGUMENT', message: /201 nodes are meant; 200 is the most/ });
  t.same(fleet.opened, []);
});

t.test('which logs there are', async (t) => {
  const { fleet, tools } = await setting(t);
  fleet.connected.delete(idNumber('host', 2));
  fleet.channel = async function* () {
    yield { ...chunk(1, '', { log: 'log/a\u001b.log', nextOffset: 500n }), offset: 100n };
    yield chunk(1, '', { log: '', omittedFiles: 3 });
  };
  const answer = await listNodeLogs(tools, ListNodeLogsRequest.fromPartial({ nodes: ['web-1', 'web-2'] }), never);
  t.match(answer, { logs: [{ nodeName: 'web-1', log: 'log/a.log', oldestOffset: 100n, endOffset: 500n }], omitted: [{ nodeName: 'web-1', files: 3 }], problems: [{ nodeName: 'web-2', error: { code: 'WO_HOST_UNREACHABLE' } }] });
});
