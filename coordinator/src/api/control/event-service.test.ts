import t, { type Test } from 'tap';
import type { EventFilter, FollowEventsRequest, FollowEventsResponse, ListEventsRequest, ListEventsResponse } from '@wombat/proto/control';
import type { NewEvent } from '../../domain/model/event.js';
import { ManualClock, settle } from '../../fleet/testing/manual-clock.js';
import { serverStream, unary } from '../../testing/calls.js';
import { idNumber } from '../../testing/counting-ids.js';
import { familyRow, hostRow, nodeRow, operationRow } from '../../testing/rows.js';
import { openTestStore, put } from '../../testing/test-store.js';
import { eventService } from './event-service.js';

const event = (type: string, fields: Partial<NewEvent> = {}): NewEvent => ({ type, subjectId: 's', subjectName: 's', reason: 'r', message: 'm', ...fields });
const noFilter: EventFilter = { operation: '', family: '', host: '', node: '', typePrefix: '' };

async function setting(test: Test) {
  const store = await openTestStore(test, new ManualClock());
  await put(store, 'families', familyRow({ name: 'web' }));
  await put(store, 'hosts', hostRow(1));
  await put(store, 'nodes', nodeRow(familyRow().id, 1));
  await put(store, 'operations', operationRow());
  await store.transaction((transaction) =>
    transaction.events.append(
      event('family.created', { familyId: familyRow().id }),
      event('host.phase', { hostId: idNumber('host', 1) }),
      event('node.phase', { nodeId: idNumber('node', 1), hostId: idNumber('host', 1), familyId: familyRow().id, operationId: idNumber('op', 900), payload: { phase: 'running', pid: 7 } }),
      event('node.exited', { nodeId: idNumber('node', 1), familyId: familyRow().id }),
      event('nodes.other'),
    ),
  );
  const service = eventService({ store });
  return { store, list: unary<ListEventsRequest, ListEventsResponse>(service, 'listEvents'), follow: serverStream<FollowEventsRequest, FollowEventsResponse>(service, 'followEvents') };
}

const filters: readonly [filter: Partial<EventFilter>, sequences: readonly bigint[]][] = [
  [{}, [1n, 2n, 3n, 4n, 5n]],
  [{ family: 'web' }, [1n, 3n, 4n]],
  [{ host: 'cloud-1' }, [2n, 3n]],
  [{ node: 'web-1' }, [3n, 4n]],
  [{ operation: idNumber('op', 900) }, [3n]],
  [{ typePrefix: 'node.' }, [3n, 4n]],
  [{ typePrefix: 'node', host: 'cloud-1' }, [3n]],
];
void t.test('events are found by what they are about', async (test) => {
  const { list } = await setting(test);
  for (const [filter, sequences] of filters) {
    test.same((await list({ filter: { ...noFilter, ...filter } })).events.map(({ sequence }) => sequence), sequences, JSON.stringify(filter));
  }
  await test.rejects(list({ filter: { ...noFilter, family: 'nobody' } }), { code: 'WO_NOT_FOUND' }, 'a name that nobody bears is no empty list');
  test.match((await list({ filter: { ...noFilter, operation: idNumber('op', 900) } })).events, [{ payload: '{"phase":"running","pid":7}', payloadVersion: 1 }]);
});

void t.test('a list goes on where the last one ended', async (test) => {
  const { list } = await setting(test);
  const first = await list({ limit: 2 });
  test.same([first.events.length, first.lastSequence], [2, 2n]);
  const rest = await list({ afterSequence: first.lastSequence, limit: 1_000_000 });
  test.same(rest.events.map(({ sequence }) => sequence), [3n, 4n, 5n], 'however many were asked for');
  test.same(await list({ afterSequence: 5n }), { events: [], lastSequence: 5n }, 'at the end it stays where it is');
});

void t.test('what was dropped is said to be gone', async (test) => {
  const { store, list } = await setting(test);
  await store.transaction((transaction) => transaction.events.drop(3, 100));
  await test.rejects(list({ afterSequence: 1n }), { code: 'WO_EVENTS_GONE', details: { oldest: '4' } });
  test.same((await list({ afterSequence: 3n })).events.map(({ sequence }) => sequence), [4n, 5n]);
});

void t.test('following begins now, or where it was asked to', async (test) => {
  const { store, follow } = await setting(test);
  for (const [afterSequence, expected] of [[undefined, [6n]], [3n, [4n, 5n, 6n]]] as const) {
    const stop = new AbortController();
    const seen: (bigint | undefined)[] = [];
    const following = (async () => {
      for await (const answer of follow({ afterSequence, filter: noFilter }, stop.signal)) seen.push(answer.event?.sequence);
    })();
    await settle(10);
    if (afterSequence === undefined) await store.transaction((transaction) => transaction.events.append(event('x')));
    await settle(10);
    stop.abort();
    await following;
    test.same(seen, expected, `after ${afterSequence}`);
  }
});
