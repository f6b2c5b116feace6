import type { Domain } from '../model/family.js';
import type { Host } from '../model/host.js';
import type { Node } from '../model/node.js';

/** What a domain has to offer. */
export interface HostPool {
  readonly domain: Domain;
  /** Nodes of the domain that are placed already. */
  readonly placed: number;
  /** Hosts with room, the least loaded first; `load` counts the domain's nodes. */
  readonly openHosts: readonly { readonly hostId: string; readonly load: number }[];
  /** Nodes that still fit, new hosts included. */
  readonly capacity: number;
}

/** A host fits a domain when it came from the same place in the same shape. */
export function fitsDomain(host: Host, domain: Domain): boolean {
  return (
    host.providerId === domain.providerId &&
    host.image === domain.image &&
    host.hardwareProfile === domain.hardwareProfile &&
    (domain.region === '' || host.region === domain.region) &&
    (domain.zone === '' || host.zone === domain.zone)
  );
}

export function hostPool(domain: Domain, hosts: readonly Host[], existing: readonly Node[]): HostPool {
  const loads = new Map<string, number>();
  let placed = 0;
  for (const node of existing) {
    if (node.domainId !== domain.id) continue;
    placed += 1;
    loads.set(node.hostId, (loads.get(node.hostId) ?? 0) + 1);
  }
  const fitting = hosts
    .filter((host) => fitsDomain(host, domain))
    .map((host) => ({ hostId: host.id, load: loads.get(host.id) ?? 0 }))
    .sort((a, b) => a.load - b.load);
  const used = fitting.filter((host) => host.load > 0);
  const free = fitting.filter((host) => host.load === 0);
  const mayUseMore = domain.maxHosts === 0 ? Infinity : Math.max(0, domain.maxHosts - loads.size);
  const openUsed = used.filter((host) => host.load < domain.nodesPerHost);
  const spare = openUsed.reduce((sum, host) => sum + domain.nodesPerHost - host.load, 0);
  return {
    domain,
    placed,
    openHosts: [...free.slice(0, mayUseMore), ...openUsed],
    capacity: spare + mayUseMore * domain.nodesPerHost,
  };
}
