import fc from 'fast-check';
import t from 'tap';
import type { NodePhase } from '../model/node.js';
import { nodesToRemove } from './nodes-to-remove.js';

const node = (ordinal: number, domainId: string, hostId: string, phase: NodePhase = 'running') => ({ id: `n${ordinal}`, ordinal, domainId, hostId, phase });
const domain = (id: string, { priority = 0, weight = 1 } = {}) => ({ id, priority, weight });
const ids = (nodes: readonly { id: string }[]): string[] => nodes.map(({ id }) => id);

t.test('the newest, where all else is equal', (t) => {
  t.same(ids(nodesToRemove(2, [node(1, 'a', 'h1'), node(2, 'a', 'h2'), node(3, 'a', 'h3')], [domain('a')])), ['n3', 'n2']);
  t.end();
});

t.test('what does not run goes before what does', (t) => {
  const nodes = [node(1, 'a', 'h1', 'failed'), node(2, 'a', 'h2', 'stopped'), node(3, 'a', 'h3'), node(4, 'a', 'h3')];
  t.same(ids(nodesToRemove(3, nodes, [domain('a')])), ['n2', 'n1', 'n4']);
  t.end();
});

t.test('the host with the most nodes gives first, so that the rest stays spread', (t) => {
  const nodes = [node(1, 'a', 'h1'), node(2, 'a', 'h1'), node(3, 'a', 'h2')];
  t.same(ids(nodesToRemove(1, nodes, [domain('a')])), ['n2']);
  t.end();
});

t.test('the domain of the highest priority number is left first, then the one above its share', (t) => {
  const nodes = [node(1, 'private', 'h1'), node(2, 'private', 'h1'), node(3, 'public', 'h2'), node(4, 'private', 'h1')];
  t.same(ids(nodesToRemove(1, nodes, [domain('private'), domain('public', { priority: 1 })])), ['n3']);
  const shared = [node(1, 'a', 'h1'), node(2, 'a', 'h2'), node(3, 'b', 'h3'), node(4, 'b', 'h4')];
  t.same(ids(nodesToRemove(1, shared, [domain('a'), domain('b', { weight: 3 })])), ['n2'], 'b shall have three times as many');
  t.end();
});

t.test('as many as asked for, none twice, the rest spread as evenly as the hosts allow', (t) => {
  const hosts = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 12 });
  fc.assert(fc.property(hosts, fc.nat(14), (on, amount) => {
    const nodes = on.map((host, index) => node(index + 1, 'a', `h${host}`));
    const gone = new Set(ids(nodesToRemove(amount, nodes, [domain('a')])));
    const count = (of: readonly { hostId: string }[]) => [0, 1, 2, 3].map((host) => of.filter(({ hostId }) => hostId === `h${host}`).length);
    const before = count(nodes);
    const after = count(nodes.filter(({ id }) => !gone.has(id)));
    const highest = Math.max(...after);
    // Whoever has given has no fewer than the fullest, less one.
    return gone.size === Math.min(amount, nodes.length) && after.every((left, host) => left === before[host] || left >= highest - 1);
  }));
  t.end();
});
