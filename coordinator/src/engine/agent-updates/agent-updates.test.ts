import { Hello, type UpdateAgent } from '@wombat/proto/agent';
import t, { type Test } from 'tap';
import { ManualClock } from '../../fleet/testing/manual-clock.js';
import type { Host } from '../../domain/model/host.js';
import type { Operation } from '../../domain/model/operation.js';
import { CountingIds, idNumber } from '../../testing/counting-ids.js';
import { FakeFleet } from '../../testing/fake-fleet.js';
import { FakeStrategies } from '../../testing/fake-strategies.js';
import { LogBook } from '../../testing/log-book.js';
import { operationTools } from '../../testing/operation-tools.js';
import { hostRow } from '../../testing/rows.js';
import { openTestStore, put } from '../../testing/test-store.js';
import { AgentReports } from '../agent-reports.js';
import { BoundedHistory } from '../bounded-history.js';
import { cancelOperation } from '../operations/cancel-operation.js';
import { stepsOf } from '../operations/steps.js';
import { AgentUpdateController } from './agent-update-controller.js';
import { updateAgents, type UpdateAgentsRequest } from './update-agents.js';

const [old, wanted] = ['a'.repeat(64), 'b'.repeat(64)];
const facts = { platform: { os: 'linux', arch: 'x64', libc: 'glibc' } };
const hostIds = [1, 2, 3, 4, 5].map((number) => idNumber('host', number));

/** Five hosts whose agents run an old package, and what drives their update. */
async function setting(test: Test, given: Partial<Host>[] = []) {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  const fleet = new FakeFleet();
  const ids = new CountingIds();
  await put(store, 'hosts', ...hostIds.map((_, index) => hostRow(index + 1, { facts, agentPackage: old, ...given[index] })));
  fleet.connect(...hostIds);
  const tools = { ...operationTools(clock, ids), fleet };
  const history = new BoundedHistory({ store, clock, log: new LogBook() });
  let controller = new AgentUpdateController({ store, clock, fleet });
  const reports = new AgentReports({
    store, clock, strategies: new FakeStrategies(), history, fullSync: async () => [], outcomes: async () => [], silent: () => undefined,
    connected: (hostId) => controller.connected(hostId),
  });
  const hosts = async (): Promise<Host[]> => store.read.hosts.find({});
  const begin = (request: Partial<UpdateAgentsRequest> = {}) => hosts().then((all) =>
    store.transaction((transaction) =>
      updateAgents(tools, transaction, { hosts: all, areNamed: false, principal: 'ada', terms: { canary: 1, atOnce: 2, packages: { x64: { sha256: wanted, sizeBytes: 7 } } }, ...request })));
  return {
    store, clock, fleet, tools, begin, reports,
    operation: async (): Promise<Operation> => (await store.read.operations.find({ kind: 'update_agents' })).at(-1)!,
    /** Looks until there is nothing to be done at once; answers whose agents were told. */
    async turn(): Promise<string[]> {
      const from = fleet.agentUpdates.length;
      for (const id of await controller.all()) for (let look = 0; look < 20 && (await controller.reconcile(id)) === 50; look += 1);
      return fleet.agentUpdates.slice(from).map(({ hostId }) => hostId);
    },
    restart(): void {
      controller = new AgentUpdateController({ store, clock, fleet });
    },
    hello: (hostId: string, fields: Partial<Hello>) => reports.onConnected(hostId, Hello.fromPartial({ packageSha256: old, ...fields })),
    steps: async (): Promise<string> => (await stepsOf(store.read, (await store.read.operations.find({ kind: 'update_agents' })).at(-1)!)).map(({ state }) => state[0]).join(''),
  };
}

t.test('one alone, then two at once, until all run the package', async (t) => {
  const { store, fleet, begin, turn, hello, operation, steps } = await setting(t);
  const started = await begin();
  t.equal(started.operation?.name, 'update agents of 5 hosts');
  t.same(await turn(), [hostIds[0]], 'the canary');
  t.match(fleet.agentUpdates[0]?.update, { updateId: started.operation!.id, sha256: wanted, sizeBytes: 7n } satisfies Partial<UpdateAgent>);
  t.same(await turn(), [], 'told once');
  t.equal(await steps(), 'awwww');
  await hello(hostIds[0]!, { packageSha256: wanted });
  t.same(await turn(), [hostIds[1], hostIds[2]]);
  await hello(hostIds[2]!, { packageSha256: wanted });
  t.same(await turn(), [hostIds[3]]);
  t.match((await operation()).progress, { total: 5, done: 2, failed: 0 });
  for (const id of [hostIds[1]!, hostIds[3]!]) await hello(id, { packageSha256: wanted });
  t.same(await turn(), [hostIds[4]]);
  await hello(hostIds[4]!, { packageSha256: wanted });
  await turn();
  t.match(await operation(), { state: 'succeeded', progress: { done: 5, failed: 0 } });
  t.equal(await steps(), 'ddddd');
  t.same((await store.read.hosts.find({})).map(({ agentPackage }) => agentPackage), hostIds.map(() => wanted));
  t.same((await begin()).skipped.map(({ reason }) => reason), hostIds.map(() => 'it runs this package already'), 'and there is nothing left to do');
});

t.test('an agent that goes back, or cannot take the package, ends it, and the others are not begun', async (t) => {
  const back = await setting(t);
  const { operation: { id } = { id: '' } } = await back.begin();
  await back.turn();
  const error = { code: 'WO_AGENT_UPDATE_FAILED', message: 'the coordinator had not greeted it after 60 s', hint: '', details: {} };
  await back.hello(hostIds[0]!, { updateFailed: { updateId: 'op-of-another-time', error } });
  t.equal(await back.steps(), 'awwww', 'of an earlier update');
  await back.hello(hostIds[0]!, { updateFailed: { updateId: id, error } });
  t.same(await back.turn(), []);
  t.match(await back.operation(), { state: 'failed', error: { code: 'WO_AGENT_UPDATE_FAILED', message: /^cloud-1: the coordinator had not greeted it after 60 s; 4 others were not begun$/ } });
  t.equal(await back.steps(), 'fllll');

  const corrupt = await setting(t);
  const started = await corrupt.begin({ terms: { canary: 0, atOnce: 3, packages: { x64: { sha256: wanted, sizeBytes: 7 } } } });
  t.equal((await corrupt.turn()).length, 3);
  await corrupt.reports.onAgentUpdateFailed(hostIds[1]!, { updateId: started.operation!.id, error: { code: 'WO_ARTIFACT_CORRUPT', message: 'it has another sha256', hint: '', details: {} } });
  t.same(await corrupt.turn(), [], 'those under way are waited for');
  t.equal((await corrupt.operation()).state, 'running');
  for (const hostId of [hostIds[0]!, hostIds[2]!]) await corrupt.hello(hostId, { packageSha256: wanted });
  await corrupt.turn();
  t.match(await corrupt.operation(), { state: 'partial', progress: { done: 2, failed: 1 }, error: { code: 'WO_ARTIFACT_CORRUPT' } });
  t.same((await corrupt.store.read.events.list({ afterSequence: 0, limit: 100 })).filter(({ type }) => type === 'host.agent-update-failed').map(({ subjectName }) => subjectName), ['cloud-2']);
});

t.test('the order is given again to an agent that comes back, after half a minute, and by another coordinator', async (t) => {
  const { clock, begin, turn, hello, restart, fleet } = await setting(t);
  await begin();
  t.same(await turn(), [hostIds[0]]);
  await hello(hostIds[0]!, {});
  t.same(await turn(), [hostIds[0]], 'it has come back as it was');
  await clock.advance(29_000);
  t.same(await turn(), []);
  await clock.advance(2_000);
  t.same(await turn(), [hostIds[0]]);
  restart();
  t.same(await turn(), [hostIds[0]], 'what goes on lies in the store');
  t.equal(new Set(fleet.agentUpdates.map(({ update }) => update.updateId)).size, 1);
});

t.test('nothing heard for 12 minutes is a failure; a host that goes is none', async (t) => {
  const { store, clock, begin, turn, operation, steps } = await setting(t);
  await begin({ terms: { canary: 2, atOnce: 2, packages: { x64: { sha256: wanted, sizeBytes: 7 } } } });
  await turn();
  await store.transaction(async (transaction) => transaction.hosts.update({ ...(await transaction.hosts.get(hostIds[0]!))!, desired: 'absent' }));
  await turn();
  t.equal(await steps(), 'lawww', 'the one that is left says nothing of the package');
  await clock.advance(12 * 60_000);
  await turn();
  t.match(await operation(), { state: 'failed', error: { code: 'WO_AGENT_UPDATE_FAILED', message: /^cloud-2: nothing was heard of its update for 12 min; 3 others were not begun$/ } });
});

t.test('called off: none is begun any more, and the one under way is waited for', async (t) => {
  const { store, tools, begin, turn, hello, operation } = await setting(t);
  await begin();
  await turn();
  await store.transaction(async (transaction) => cancelOperation(tools, transaction, (await transaction.operations.find({ kind: 'update_agents' }))[0]!, 'ada'));
  t.same(await turn(), []);
  t.equal((await operation()).state, 'cancelling');
  await hello(hostIds[0]!, { packageSha256: wanted });
  t.same(await turn(), []);
  t.match(await operation(), { state: 'cancelled', rest: '1 of 5 agents are updated; to go on: wo host update --all' });
});

t.test('hosts that cannot be updated are left, and named ones refused', async (t) => {
  const { begin, fleet, store } = await setting(t, [{ phase: 'unknown' }, { facts: { platform: { os: 'linux', arch: 'arm64', libc: 'glibc' } } }, { agentPackage: wanted }]);
  fleet.connected.delete(hostIds[3]!);
  const { operation, skipped } = await begin();
  t.same(operation?.plan.map(({ hostName }) => hostName), ['cloud-5']);
  t.equal(operation?.name, 'update agent of cloud-5');
  t.same(skipped.map(({ hostName, reason }) => `${hostName}: ${reason}`), [
    'cloud-1: the host is unknown', 'cloud-2: the coordinator has no package for linux-arm64', 'cloud-3: it runs this package already', 'cloud-4: it has no session',
  ]);
  await t.rejects(begin(), { code: 'WO_CONFLICT', message: /^the update of agents is held by operation/ }, 'one at a time');

  const named = await setting(t);
  named.fleet.updatable = false;
  const before = (await store.read.operations.find({})).length;
  await t.rejects(named.begin({ areNamed: true }), { code: 'WO_CONFLICT', message: 'the agent of cloud-1 cannot be updated: it was not installed by install.sh, or by an older one' });
  t.equal((await store.read.operations.find({})).length, before, 'nothing is written');
  t.equal((await named.begin()).skipped.length, 5);
});
