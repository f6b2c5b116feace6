import type { Domain } from '../model/family.js';
import type { Host } from '../model/host.js';
import type { Node } from '../model/node.js';
import { minuteOf } from '../minute.js';
import type { Cooling } from './cooling.js';
import { hostPool, type HostPool } from './host-pool.js';
import { releaseLimits, type ReleaseDemand } from './release-limits.js';
import { sharesOf } from './shares.js';

/** What the places are like at the moment. */
export interface Circumstances {
  /** Nodes of any family on the hosts: they matter to a release with fixed ports. */
  readonly neighbours?: readonly Node[];
  /** Domains that get no new hosts for a while, by id. */
  readonly cooling?: ReadonlyMap<string, Cooling>;
}

/** What is asked for. */
export interface Demand {
  readonly familyId: string;
  readonly amount: number;
  /** What its release asks of hosts. */
  readonly release: ReleaseDemand;
}

/** A host to be created; `nodes` of the placement refer to it by its index. */
export interface NewHost {
  readonly domainId: string;
}

export interface PlacedNode {
  readonly domainId: string;
  readonly host: { readonly hostId: string } | { readonly newHost: number };
  /** Why there, one clause for people. */
  readonly reason: string;
}

export interface Placement {
  readonly kind: 'placed';
  readonly newHosts: readonly NewHost[];
  readonly nodes: readonly PlacedNode[];
}

export interface Refusal {
  readonly kind: 'refused';
  /** The constraint that does not hold. */
  readonly constraint: string;
  /** How many nodes would fit. */
  readonly fits: number;
  /** The change that would make it fit. */
  readonly change: string;
}

/**
 * Decides where nodes go; pure. `hosts` are all that may take nodes, `existing` all nodes of the family.
 *
 * Domains of the lowest priority number come first and share by weight, the next take what does
 * not fit. Within a domain the hosts that are there are used first, least loaded first; new ones
 * are asked for only when those are full, and no more than needed.
 */
export function place(demand: Demand, domains: readonly Domain[], hosts: readonly Host[], existing: readonly Node[], circumstances: Circumstances = {}): Placement | Refusal {
  const { neighbours = [], cooling = new Map<string, Cooling>() } = circumstances;
  const limits = releaseLimits(demand.release, neighbours);
  const pools = domains.map((domain) => hostPool(domain, hosts, existing, limits, cooling.has(domain.id)));
  const shares = sharesOf(demand.amount, pools);
  const placed = shares.reduce((sum, share) => sum + share, 0);
  if (placed < demand.amount) return refusal(demand, pools, placed, limits.why(hosts), cooling);

  const newHosts: NewHost[] = [];
  const nodes: PlacedNode[] = [];
  pools.forEach((pool, index) => {
    const passedOver = domains.filter((domain) => domain.id !== pool.domain.id && domain.priority <= pool.domain.priority && cooling.has(domain.id));
    fill(pool, shares[index] ?? 0, newHosts, nodes, passedOver.map(({ name }) => `, as domain ${name} cools down`).join(''));
  });
  return { kind: 'placed', newHosts, nodes };
}

/** Puts `amount` nodes on a domain's hosts, always on the one with the fewest; `besides` is added to the reason of each. */
function fill(pool: HostPool, amount: number, newHosts: NewHost[], nodes: PlacedNode[], besides: string): void {
  if (amount === 0) return;
  const { domain } = pool;
  const slots = pool.openHosts.map((open) => ({ host: { hostId: open.hostId } as PlacedNode['host'], load: open.load, room: open.room, fresh: false }));
  let spare = slots.reduce((sum, slot) => sum + slot.room, 0);
  for (; spare < amount; spare += pool.newHostRoom) {
    slots.push({ host: { newHost: newHosts.length }, load: 0, room: pool.newHostRoom, fresh: true });
    newHosts.push({ domainId: domain.id });
  }
  // Level by level: every host that has the fewest nodes takes one before any takes a second.
  for (let level = 0, left = amount; left > 0 && level < domain.nodesPerHost; level += 1) {
    for (const slot of slots) {
      if (left === 0) break;
      if (slot.load !== level || slot.room === 0) continue;
      slot.load += 1;
      slot.room -= 1;
      left -= 1;
      nodes.push({ domainId: domain.id, host: slot.host, reason: `${reasonFor(slot.fresh, level, domain.name)}${besides}` });
    }
  }
}

function reasonFor(fresh: boolean, load: number, domain: string): string {
  if (fresh && load === 0) return `a new host of domain ${domain}`;
  return load === 0 ? `a host of domain ${domain} without a node of it` : `the host of domain ${domain} with the fewest nodes (${load})`;
}

/** `why`: what the release itself rules out. */
function refusal(demand: Demand, pools: readonly HostPool[], fits: number, why: readonly string[], cooling: ReadonlyMap<string, Cooling>): Refusal {
  const missing = demand.amount - fits;
  const limits = pools.map(({ domain }) => {
    const cools = cooling.get(domain.id);
    return cools ? `domain ${domain.name} gets no new hosts before ${minuteOf(cools.until)}: ${cools.why}` : `domain ${domain.name}: maxHosts ${domain.maxHosts} x nodesPerHost ${domain.nodesPerHost}`;
  });
  return { kind: 'refused', constraint: [...limits, ...why].join(', '), fits, change: changeThatFits(missing, pools, cooling) };
}

function changeThatFits(missing: number, pools: readonly HostPool[], cooling: ReadonlyMap<string, Cooling>): string {
  const nearest = pools.reduce((best, pool) => (pool.newHostRoom > best.newHostRoom ? pool : best));
  const { name, maxHosts } = nearest.domain;
  if (nearest.newHostRoom > 0) return `raise maxHosts of domain ${name} from ${maxHosts} to ${maxHosts + Math.ceil(missing / nearest.newHostRoom)}, or add a domain`;
  if (cooling.size > 0) return 'add a domain, or try again later; at once, if the hosts that failed are removed: wo host remove HOST';
  return 'upload the release with an artifact for these hosts, or add a domain whose hosts can run it';
}
