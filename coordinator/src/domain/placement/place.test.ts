import fc from 'fast-check';
import t from 'tap';
import type { Domain } from '../model/family.js';
import type { Host } from '../model/host.js';
import type { Node } from '../model/node.js';
import { place, type Placement } from './place.js';

const domain = (id: string, fields: Partial<Domain> = {}): Domain =>
  ({ id, name: id, familyId: 'f', providerId: 'p', image: 'i', hardwareProfile: 'h', region: '', zone: '', nodesPerHost: 1, maxHosts: 0, priority: 0, weight: 1, ...fields }) as Domain;
const host = (id: string, fields: Partial<Host> = {}): Host =>
  ({ id, providerId: 'p', image: 'i', hardwareProfile: 'h', region: '', zone: '', ...fields }) as Host;
const node = (domainId: string, hostId: string): Node => ({ domainId, hostId }) as Node;
const loadsOf = (placement: Placement): Record<string, number> => {
  const loads: Record<string, number> = {};
  for (const { host: at } of placement.nodes) {
    const key = 'hostId' in at ? at.hostId : `new ${at.newHost}`;
    loads[key] = (loads[key] ?? 0) + 1;
  }
  return loads;
};
const placed = (result: ReturnType<typeof place>): Placement => {
  if (result.kind !== 'placed') throw new Error(`refused: ${result.constraint}`);
  return result;
};

void t.test('three nodes, two a host, no host yet: two hosts, spread', async (test) => {
  const result = placed(place({ familyId: 'f', amount: 3 }, [domain('d', { nodesPerHost: 2 })], [], []));
  test.same(loadsOf(result), { 'new 0': 2, 'new 1': 1 });
});

void t.test('hosts that are there come before new ones, the least loaded first', async (test) => {
  const hosts = [host('a'), host('b'), host('c')];
  const result = placed(place({ familyId: 'f', amount: 4 }, [domain('d', { nodesPerHost: 2 })], hosts, [node('d', 'a'), node('other', 'b')]));
  test.same(loadsOf(result), { b: 2, c: 2 }, 'nodes of other domains do not count');
  test.equal(result.newHosts.length, 0);
});

void t.test('a host of another shape or zone is not used', async (test) => {
  const hosts = [host('a', { image: 'x' }), host('b', { zone: 'z2' }), host('c', { zone: 'z1' })];
  const result = placed(place({ familyId: 'f', amount: 2 }, [domain('d', { zone: 'z1' })], hosts, []));
  test.same(loadsOf(result), { c: 1, 'new 0': 1 });
});

void t.test('maxHosts refuses, says how many fit and what to change', async (test) => {
  const result = place({ familyId: 'f', amount: 7 }, [domain('d', { nodesPerHost: 2, maxHosts: 2 })], [], []);
  test.match(result, { kind: 'refused', fits: 4, change: /maxHosts of domain d from 2 to 4/ });
});

void t.test('weights share one priority, the next priority takes the rest', async (test) => {
  const domains = [
    domain('private', { priority: 0, maxHosts: 2, nodesPerHost: 3 }),
    domain('public 1', { priority: 1, weight: 2, nodesPerHost: 10 }),
    domain('public 2', { priority: 1, weight: 1, nodesPerHost: 10 }),
  ];
  const result = placed(place({ familyId: 'f', amount: 12 }, domains, [], []));
  const count = (id: string): number => result.nodes.filter((entry) => entry.domainId === id).length;
  test.same([count('private'), count('public 1'), count('public 2')], [6, 4, 2]);
});

void t.test('whatever is asked: limits hold, all is placed or refused, hosts differ by one at most', async () => {
  const shapes = fc.record({ amount: fc.integer({ min: 1, max: 60 }), nodesPerHost: fc.integer({ min: 1, max: 7 }), maxHosts: fc.integer({ min: 0, max: 12 }), hosts: fc.integer({ min: 0, max: 12 }) });
  fc.assert(
    fc.property(shapes, ({ amount, nodesPerHost, maxHosts, hosts }) => {
      const result = place({ familyId: 'f', amount }, [domain('d', { nodesPerHost, maxHosts })], Array.from({ length: hosts }, (_, index) => host(`h${index}`)), []);
      if (result.kind === 'refused') return maxHosts > 0 && amount > maxHosts * nodesPerHost && result.fits === maxHosts * nodesPerHost;
      const loads = Object.values(loadsOf(result));
      const level = Math.max(...loads) <= nodesPerHost && (maxHosts === 0 || loads.length <= maxHosts);
      return result.nodes.length === amount && level && Math.max(...loads) - Math.min(...loads) <= 1;
    }),
  );
});
