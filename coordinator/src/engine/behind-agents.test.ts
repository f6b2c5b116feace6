import t, { type Test } from 'tap';
import { NodePhase as AgentPhase, NodeStatus } from '@wombat/proto/agent';
import type { Node } from '../domain/model/node.js';
import { ManualClock } from '../fleet/testing/manual-clock.js';
import type { NewObject, Store } from '../store/store.js';
import { idNumber } from '../testing/counting-ids.js';
import { FakeStrategies } from '../testing/fake-strategies.js';
import { LogBook } from '../testing/log-book.js';
import { familyRow, hostRow, nodeRow } from '../testing/rows.js';
import { eventsAfter, openTestStore, put, row } from '../testing/test-store.js';
import { BoundedHistory } from './bounded-history.js';
import { AgentReports } from './agent-reports.js';

const family = familyRow({}, {}, 1);
const [hostId, nodeId, stranger] = [idNumber('host', 1), idNumber('node', 1), idNumber('node', 77)];

interface Setting {
  readonly store: Store;
  says(fields: Partial<NodeStatus>, complete?: boolean): Promise<void>;
  node(): Promise<Node>;
}

async function setting(test: Test, node: Partial<NewObject<Node>> = {}): Promise<Setting> {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  await put(store, 'families', family);
  await put(store, 'hosts', hostRow(1));
  await put(store, 'nodes', nodeRow(family.id, 1, node));
  const reports = new AgentReports({ store, clock, strategies: new FakeStrategies(), history: new BoundedHistory({ store, clock, log: new LogBook() }), fullSync: async () => [], outcomes: async () => [], connected: () => undefined, silent: () => undefined });
  return {
    store,
    says: (fields, complete = false) => reports.onStatus(hostId, [{ ...NodeStatus.decode(Buffer.alloc(0)), nodeId, generation: 1n, startId: 'start-1', phase: AgentPhase.READY, ...fields }], complete),
    node: () => row(store, 'nodes', nodeId),
  };
}

t.test('an agent that knows newer wishes than the store is told again what is wanted', async (test) => {
  const of = await setting(test, { generation: 2 });
  await of.says({ generation: 7n, restartGeneration: 3n, phase: AgentPhase.STOPPED });
  test.match(await of.node(), { generation: 8, restartGeneration: 3, observedGeneration: 1, phase: 'running', desired: 'running' }, 'newer than what the agent has, and no restart');
  test.same(await eventsAfter(of.store), ['node.behind web-1 behind'], 'and that is told');
  await of.says({ generation: 8n, restartGeneration: 3n });
  test.match(await of.node(), { generation: 8, observedGeneration: 8, phase: 'running' }, 'from here on as ever');
});

t.test('a restart that was asked for before the agent came back still is one', async (test) => {
  const of = await setting(test, { generation: 2, restartGeneration: 1, phase: 'stopping' });
  await of.says({ generation: 2n, restartGeneration: 4n });
  test.match(await of.node(), { generation: 3, restartGeneration: 5 }, 'a number that the agent has not seen');
});

t.test('an invented number is not followed', async (test) => {
  const of = await setting(test);
  await of.says({ generation: 2n ** 60n });
  await of.says({ restartGeneration: 2n ** 60n });
  test.match(await of.node(), { generation: 1, restartGeneration: 0 });
});

t.test('a node without a row is told of once, kept in mind, and forgotten when it is gone', async (test) => {
  const of = await setting(test);
  const unknown = async (): Promise<readonly string[] | undefined> => (await row(of.store, 'hosts', hostId)).unknownNodeIds;
  await of.says({ nodeId: stranger, phase: AgentPhase.ABSENT });
  test.same(await unknown(), undefined, 'what is absent is nothing to tell');
  await of.says({ nodeId: stranger });
  await of.says({ nodeId: stranger, phase: AgentPhase.STOPPED });
  test.same(await unknown(), [stranger]);
  test.same(await eventsAfter(of.store), ['host.unknown-node cloud-1 unknown-node'], 'one event');
  await of.says({}, true);
  test.same(await unknown(), [], 'a complete report without it: it is gone');
});

t.test('no more are kept in mind than a page shows', async (test) => {
  const of = await setting(test);
  for (let number = 100; number < 250; number++) await of.says({ nodeId: idNumber('node', number) });
  test.equal((await row(of.store, 'hosts', hostId)).unknownNodeIds?.length, 100);
});
