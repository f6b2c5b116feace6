import { Facts } from '@wombat/proto/agent';
import t, { type Test } from 'tap';
import { parseExpression } from '../../domain/expression/parse.js';
import { targetVocabulary } from '../../domain/expression/target-vocabulary.js';
import type { TargetKind } from '../../domain/model/job.js';
import { ManualClock } from '../../fleet/testing/manual-clock.js';
import type { Store } from '../../store/store.js';
import { idNumber } from '../../testing/counting-ids.js';
import { domainRow, familyRow, hostRow, nodeRow, providerRow, releaseRow } from '../../testing/rows.js';
import { openTestStore, put } from '../../testing/test-store.js';
import { matchExpression } from './match-expression.js';
import { requireTargets } from './resolve-targets.js';

const family = familyRow({ name: 'riak' });
const other = familyRow({ name: 'web' }, {}, 901);
const facts = Facts.toJSON(Facts.fromPartial({ memoryBytes: 8n * 1024n ** 3n }));

/** Three hosts: two nodes of riak on the first, one of each family on the second, nothing on the third. */
async function setting(test: Test): Promise<Store> {
  const store = await openTestStore(test, new ManualClock());
  await put(store, 'providers', providerRow());
  await put(store, 'releases', releaseRow());
  await put(store, 'families', family, other);
  await put(store, 'domains', domainRow(family.id, { labels: { tier: 'gold' } }));
  await put(store, 'hosts', hostRow(1, { zone: 'a', facts }), hostRow(2, { zone: 'b' }), hostRow(3, { zone: 'b', facts }), hostRow(4, { phase: 'gone' }));
  await put(store, 'nodes',
    nodeRow(family.id, 1), nodeRow(family.id, 2, { hostId: idNumber('host', 1), phase: 'failed' }), nodeRow(family.id, 3, { hostId: idNumber('host', 2) }),
    nodeRow(other.id, 4, { hostId: idNumber('host', 2), familyGeneration: 0 }), nodeRow(other.id, 5, { hostId: idNumber('host', 2), phase: 'gone' }));
  return store;
}

const cases: readonly [on: TargetKind, expression: string, names: readonly string[]][] = [
  ['nodes', 'all', ['web-1', 'web-2', 'web-3', 'web-4']],
  ['nodes', 'family = riak and zone = a', ['web-1', 'web-2']],
  ['nodes', 'host.memory = 8GiB', ['web-1', 'web-2']],
  ['nodes', 'not has host.memory', ['web-3', 'web-4']],
  ['nodes', 'node.outdated = true', ['web-4']],
  ['nodes', 'domain.label.tier = gold and release = web@1.0 and provider = cloud', ['web-1', 'web-2', 'web-3', 'web-4']],
  ['hosts', 'all', ['cloud-1', 'cloud-2', 'cloud-3']],
  ['hosts', 'family = web', ['cloud-2']],
  ['hosts', 'not family = web', ['cloud-1', 'cloud-3']],
  ['hosts', 'not has node', ['cloud-3']],
  ['hosts', 'family = riak and node.phase = failed', ['cloud-1']],
  ['hosts', 'node.outdated = true and node.ordinal > 3', ['cloud-2']],
  ['hosts', 'host.memory >= 8GiB and zone = b', ['cloud-3']],
  ['hosts', 'host.phase != up', []],
];
void t.test('what is matched', async (test) => {
  const store = await setting(test);
  for (const [on, expression, names] of cases) {
    const found = await matchExpression(store.read, parseExpression(expression, targetVocabulary), on);
    test.same(found.map(({ targetName }) => targetName), names, `${expression} on ${on}`);
  }
});

const empty: readonly [expression: string, on: TargetKind, error: { readonly message: RegExp; readonly hint: RegExp }][] = [
  ['family = riak and zone = moon', 'nodes', { message: /^family = riak and zone = moon holds for no node$/, hint: /^zone = moon alone holds for none; .*wo node list/ }],
  ['family = web and zone = a', 'nodes', { message: /no node/, hint: /wo node list/ }],
  ['host.phase = lost', 'hosts', { message: /no host/, hint: /wo host list/ }],
];
void t.test('where nothing matches, the part that is to blame is named', async (test) => {
  const store = await setting(test);
  for (const [expression, on, expected] of empty) await test.rejects(requireTargets(store.read, { expression, on }), { code: 'WO_NO_TARGETS', ...expected }, expression);
});

const many = process.env['WOMBAT_TEST_FULL'] ? 10_000 : 1_000;
void t.test(`${many} nodes are asked in turns with everything else`, async (test) => {
  const store = await openTestStore(test, new ManualClock());
  const numbers = Array.from({ length: many }, (_, index) => index + 1);
  await put(store, 'families', family);
  await put(store, 'hosts', ...numbers.map((number) => hostRow(number, { facts, zone: `z${number % 10}` })));
  await put(store, 'nodes', ...numbers.map((number) => nodeRow(family.id, number)));
  let [turns, isOver, longestMs, before] = [0, false, 0, performance.now()];
  const turn = (): void => {
    if (turns > 0) longestMs = Math.max(longestMs, performance.now() - before);
    [turns, before] = [turns + 1, performance.now()];
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const since = performance.now();
  const found = await matchExpression(store.read, parseExpression('zone = z3 and host.memory >= 8GiB and not node matches /-1.*7$/', targetVocabulary), 'nodes');
  isOver = true;
  test.comment(`${Math.round(performance.now() - since)} ms, ${turns} turns, the longest ${Math.round(longestMs)} ms`);
  test.equal(found.length, many / 10);
  test.ok(turns >= many / 50, `the event loop turned ${turns} times: once for at most 100 hosts or nodes`);
});
