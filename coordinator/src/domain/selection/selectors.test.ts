import t from 'tap';
import { findSelector, mostContacts, randomContacts, selectorNames } from './selectors.js';

const members = (count: number) => Array.from({ length: count }, (_, index) => ({ nodeId: `node-${index}`, memberSince: 1_000 - index }));
const select = (name: string, joining: string, count: number) => findSelector(name)!(joining, members(count)).map(({ nodeId }) => nodeId);

t.test('the selectors are known by name, others are not', async (t) => {
  t.strictSame(selectorNames, ['random', 'oldest', 'all']);
  t.equal(findSelector('nearest'), undefined, 'an unknown name must answer undefined');
  t.equal(findSelector('constructor'), undefined, 'a name of Object.prototype is no selector');
});

t.test('random takes three at most, different ones, and the same ones again', async (t) => {
  t.equal(select('random', 'node-x', 50).length, randomContacts);
  t.equal(new Set(select('random', 'node-x', 50)).size, randomContacts);
  t.strictSame(select('random', 'node-x', 50), select('random', 'node-x', 50), 'a retry must choose the same contacts');
  t.equal(select('random', 'node-x', 2).length, 2, 'fewer members: all of them');
  t.strictSame(select('random', 'node-x', 0), [], 'no members: the node is the seed');
});

t.test('random does not depend on the order of the candidates', async (t) => {
  const random = findSelector('random')!;
  t.strictSame(random('node-x', members(20)), random('node-x', members(20).reverse()));
});

t.test('random keeps its choice when somebody leaves who was not chosen', async (t) => {
  const chosen = select('random', 'node-x', 20);
  const remaining = members(20).filter(({ nodeId }, index) => chosen.includes(nodeId) || index % 2 === 0);
  t.strictSame(findSelector('random')!('node-x', remaining).map(({ nodeId }) => nodeId), chosen);
});

t.test('random spreads joining nodes over the members', async (t) => {
  const times = new Map<string, number>();
  for (let joining = 0; joining < 1_000; joining += 1) {
    for (const nodeId of select('random', `node-joining-${joining}`, 10)) times.set(nodeId, (times.get(nodeId) ?? 0) + 1);
  }
  t.equal(times.size, 10, 'every member is chosen by somebody');
  for (const [nodeId, count] of times) t.ok(count > 200 && count < 400, `${nodeId} was chosen ${count} times, expected about 300`);
});

t.test('oldest takes the member that was first, by id when two were', async (t) => {
  t.strictSame(select('oldest', 'node-x', 5), ['node-4']);
  t.strictSame(select('oldest', 'node-x', 0), []);
  const twins = [{ nodeId: 'node-b', memberSince: 1 }, { nodeId: 'node-a', memberSince: 1 }];
  t.strictSame(findSelector('oldest')!('node-x', twins), [twins[1]]);
});

t.test('all takes everybody, the oldest first', async (t) => {
  t.strictSame(select('all', 'node-x', 3), ['node-2', 'node-1', 'node-0']);
  t.equal(select('all', 'node-x', 2_000).length, mostContacts, 'of a large family the oldest: a step of a strategy is bounded');
});

t.test('no selector sends a node to itself, or changes what it was given', async (t) => {
  for (const name of selectorNames) {
    const given = Object.freeze(members(3));
    t.notOk(findSelector(name)!('node-2', given).some(({ nodeId }) => nodeId === 'node-2'), `${name} chose the joining node itself`);
  }
});
