import fc from 'fast-check';
import t from 'tap';
import type { Domain } from '../model/family.js';
import type { Host } from '../model/host.js';
import type { Node } from '../model/node.js';
import { coolingDomains } from './cooling.js';
import { place, type Demand, type Placement } from './place.js';

const anywhere = [{ platform: { os: '', arch: '', libc: '' } }];
const demand = (amount: number, release: Partial<Demand['release']> = {}): Demand => ({ familyId: 'f', amount, release: { ports: [], artifacts: anywhere, ...release } });

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
  const result = placed(place(demand(3), [domain('d', { nodesPerHost: 2 })], [], []));
  test.same(loadsOf(result), { 'new 0': 2, 'new 1': 1 });
});

void t.test('hosts that are there come before new ones, the least loaded first', async (test) => {
  const hosts = [host('a'), host('b'), host('c')];
  const result = placed(place(demand(4), [domain('d', { nodesPerHost: 2 })], hosts, [node('d', 'a'), node('other', 'b')]));
  test.same(loadsOf(result), { b: 2, c: 2 }, 'nodes of other domains do not count');
  test.equal(result.newHosts.length, 0);
});

void t.test('a host of another shape or zone is not used', async (test) => {
  const hosts = [host('a', { image: 'x' }), host('b', { zone: 'z2' }), host('c', { zone: 'z1' })];
  const result = placed(place(demand(2), [domain('d', { zone: 'z1' })], hosts, []));
  test.same(loadsOf(result), { c: 1, 'new 0': 1 });
});

void t.test('a host in the firewall of another family is not used', async (test) => {
  const hosts = [host('a', { firewallFamilyId: 'other' }), host('b', { firewallFamilyId: 'f' })];
  const result = placed(place(demand(2), [domain('d')], hosts, []));
  test.same(loadsOf(result), { b: 1, 'new 0': 1 });
});

void t.test('maxHosts refuses, says how many fit and what to change', async (test) => {
  const result = place(demand(7), [domain('d', { nodesPerHost: 2, maxHosts: 2 })], [], []);
  test.match(result, { kind: 'refused', fits: 4, change: /maxHosts of domain d from 2 to 4/ });
});

void t.test('weights share one priority, the next priority takes the rest', async (test) => {
  const domains = [
    domain('private', { priority: 0, maxHosts: 2, nodesPerHost: 3 }),
    domain('public 1', { priority: 1, weight: 2, nodesPerHost: 10 }),
    domain('public 2', { priority: 1, weight: 1, nodesPerHost: 10 }),
  ];
  const result = placed(place(demand(12), domains, [], []));
  const count = (id: string): number => result.nodes.filter((entry) => entry.domainId === id).length;
  test.same([count('private'), count('public 1'), count('public 2')], [6, 4, 2]);
});

void t.test('whatever is asked: limits hold, all is placed or refused, hosts differ by one at most', async () => {
  const shapes = fc.record({ amount: fc.integer({ min: 1, max: 60 }), nodesPerHost: fc.integer({ min: 1, max: 7 }), maxHosts: fc.integer({ min: 0, max: 12 }), hosts: fc.integer({ min: 0, max: 12 }) });
  fc.assert(
    fc.property(shapes, ({ amount, nodesPerHost, maxHosts, hosts }) => {
      const result = place(demand(amount), [domain('d', { nodesPerHost, maxHosts })], Array.from({ length: hosts }, (_, index) => host(`h${index}`)), []);
      if (result.kind === 'refused') return maxHosts > 0 && amount > maxHosts * nodesPerHost && result.fits === maxHosts * nodesPerHost;
      const loads = Object.values(loadsOf(result));
      const level = Math.max(...loads) <= nodesPerHost && (maxHosts === 0 || loads.length <= maxHosts);
      return result.nodes.length === amount && level && Math.max(...loads) - Math.min(...loads) <= 1;
    }),
  );
});

const http = { name: 'http', protocol: 'tcp', number: 8080 } as const;
const onHost = (hostId: string, ports: Node['ports']): Node => ({ domainId: 'other', hostId, ports, distributionPort: 20_000 }) as Node;

void t.test('a fixed port means one node a host, and none beside a neighbour that has it', async (test) => {
  const hosts = [host('a'), host('b'), host('c')];
  const neighbours = [onHost('a', [http]), onHost('b', [{ ...http, protocol: 'udp' }])];
  const result = placed(place(demand(4, { ports: [http] }), [domain('d', { nodesPerHost: 5 })], hosts, [], { neighbours }));
  test.same(loadsOf(result), { b: 1, c: 1, 'new 0': 1, 'new 1': 1 }, 'another protocol is no neighbour');
  const again = placed(place(demand(1, { ports: [http] }), [domain('d', { nodesPerHost: 5 })], hosts.slice(1), [node('d', 'b')], { neighbours: [onHost('b', [http])] }));
  test.same(loadsOf(again), { c: 1 });
  const beside = placed(place(demand(1, { ports: [http] }), [domain('d', { nodesPerHost: 2, maxHosts: 1 })], [host('b')], [node('d', 'b')], { neighbours: [onHost('b', [])] }));
  test.same(loadsOf(beside), { b: 1 }, 'a node without the port leaves room for one that has it');
  test.same(loadsOf(placed(place(demand(3, { ports: [{ ...http, number: 0 }] }), [domain('d', { nodesPerHost: 5 })], [], []))), { 'new 0': 3 }, 'a port that is allocated closes nothing');
  test.match(place(demand(2, { ports: [http] }), [domain('d', { nodesPerHost: 5, maxHosts: 1 })], [], []), {
    kind: 'refused', fits: 1, constraint: /port http is fixed \(tcp 8080\): one node a host/, change: /maxHosts of domain d from 1 to 2/,
  });
});

const on = (arch: string): Partial<Host> => ({ facts: { platform: { os: 'linux', arch, libc: 'glibc' } } });
const forArm = [{ platform: { os: 'linux', arch: 'arm64', libc: '' } }];

void t.test('hosts that no artifact was built for take no node, nor would more of their kind', async (test) => {
  const mixed = [host('x', on('x64')), host('arm', on('arm64')), host('silent')];
  test.same(loadsOf(placed(place(demand(2, { artifacts: forArm }), [domain('d')], mixed, []))), { arm: 1, silent: 1 }, 'a host that has not said what it is may be the right one');
  const refused = place(demand(1, { artifacts: forArm }), [domain('d')], [host('x', on('x64'))], []);
  test.match(refused, { kind: 'refused', fits: 0, constraint: /1 hosts are linux\/x64\/glibc, the release has artifacts for linux\/arm64$/, change: /an artifact for these hosts/ });
  test.same(loadsOf(placed(place(demand(1, { artifacts: forArm }), [domain('d')], [], []))), { 'new 0': 1 }, 'nothing is known of hosts that are not there');
  const both = [...forArm, { platform: { os: 'linux', arch: 'x64', libc: '' } }];
  test.same(loadsOf(placed(place(demand(2, { artifacts: both }), [domain('d')], mixed.slice(0, 2), []))), { x: 1, arm: 1 }, 'one family spans both');
});

const minute = 60_000;
const failed = (phaseSince: number, code: string, fields: Partial<Host> = {}): Host =>
  host(`failed-${phaseSince}`, { phase: 'failed', phaseSince, lastError: { code, message: 'the quota is used up', hint: '' }, ...fields });

void t.test('a domain cools down after its provider had no machine: hosts like it that failed for quota or capacity, five minutes long', async (test) => {
  const domains = [domain('d'), domain('bigger', { hardwareProfile: 'big' })];
  const coolingAt = (now: number, ...hosts: Host[]): unknown => Object.fromEntries(coolingDomains(domains, hosts, now));
  const quota = failed(10 * minute, 'WO_PROVIDER_QUOTA');
  test.same(coolingAt(11 * minute, failed(8 * minute, 'WO_PROVIDER_CAPACITY'), quota), { d: { until: 15 * minute, why: 'the quota is used up' } }, 'the last one counts, for this domain alone');
  test.same(coolingAt(15 * minute, quota), {}, 'afterwards it is tried again');
  test.same(coolingAt(11 * minute, failed(10 * minute, 'WO_PROVIDER_AUTH'), failed(10 * minute, 'WO_PROVIDER_QUOTA', { zone: 'z', image: 'x' })), {}, 'other failures, and hosts of another kind, cool nothing');
});

void t.test('a domain that cools down gets no new hosts, the next one does, and the reason says so', async (test) => {
  const cooling = new Map([['private', { until: Date.UTC(2026, 0, 31, 12, 5), why: 'provider(Mine): the quota is used up' }]]);
  const domains = [domain('private', { nodesPerHost: 2 }), domain('public', { priority: 1, hardwareProfile: 'other' })];
  const both = placed(place(demand(3), domains, [host('a')], [], { cooling }));
  test.same(both.nodes.map(({ domainId, host: at }) => [domainId, 'hostId' in at]), [['private', true], ['private', true], ['public', false]], 'its own hosts are filled');
  test.match(both.nodes[2]?.reason, /a new host of domain public, as domain private cools down/);
  test.match(place(demand(3), domains.slice(0, 1), [host('a')], [], { cooling }), {
    kind: 'refused', fits: 2, constraint: /domain private gets no new hosts before 2026-01-31 12:05 UTC: provider\(Mine\): the quota is used up/, change: /try again later/,
  });
});
