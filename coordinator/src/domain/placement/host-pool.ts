import type { Domain } from '../model/family.js';
import type { Host } from '../model/host.js';
import type { Node } from '../model/node.js';

/** What a domain has to offer. */
export interface HostPool {
  readonly domain: Domain;
  /** Nodes of the domain that are placed already. */
  readonly placed: number;
  /** Hosts with room, the least loaded first. */
  readonly openHosts: readonly OpenHost[];
  /** Nodes that a new host takes. */
  readonly newHostRoom: number;
  /** Nodes that still fit, new hosts included. */
  readonly capacity: number;
}

export interface OpenHost {
  readonly hostId: string;
  /** The domain's nodes on it. */
  readonly load: number;
  /** Nodes that it still takes. */
  readonly room: number;
}

/** What a release asks of hosts, beside the domain's own limits. */
export interface HostLimits {
  /** Nodes of the release that one host can take. */
  readonly nodesPerHost: number;
  /** Whether a host that is there can take any. */
  readonly admits: (host: Host) => boolean;
  /** Whether one more host like these can take any. */
  readonly admitsLike: (hosts: readonly Host[]) => boolean;
}

/** A host fits a domain when it came from the same place in the same shape, and lets in what the domain's family asks for. */
export function fitsDomain(host: Host, domain: Domain): boolean {
  return isMadeAs(host, domain) && (host.firewallFamilyId === undefined || host.firewallFamilyId === domain.familyId);
}

/** Its provider was asked for it as it is for hosts of the domain. */
export function isMadeAs(host: Host, domain: Domain): boolean {
  return (
    host.providerId === domain.providerId &&
    host.image === domain.image &&
    host.hardwareProfile === domain.hardwareProfile &&
    (domain.region === '' || host.region === domain.region) &&
    (domain.zone === '' || host.zone === domain.zone)
  );
}

/** `isCooling`: it has the hosts that are there, and gets no new ones. */
export function hostPool(domain: Domain, hosts: readonly Host[], existing: readonly Node[], limits: HostLimits, isCooling = false): HostPool {
  const loads = new Map<string, number>();
  let placed = 0;
  for (const node of existing) {
    if (node.domainId !== domain.id) continue;
    placed += 1;
    loads.set(node.hostId, (loads.get(node.hostId) ?? 0) + 1);
  }
  const fitting = hosts.filter((host) => fitsDomain(host, domain));
  const open = fitting
    .filter((host) => limits.admits(host))
    .map((host) => openHost(host.id, loads.get(host.id) ?? 0, domain, limits))
    .filter(({ room }) => room > 0)
    .sort((a, b) => a.load - b.load);
  const used = open.filter((host) => host.load > 0);
  const free = open.filter((host) => host.load === 0);
  const mayUseMore = domain.maxHosts === 0 ? Infinity : Math.max(0, domain.maxHosts - loads.size);
  const newHostRoom = limits.admitsLike(fitting) && !isCooling ? Math.min(domain.nodesPerHost, limits.nodesPerHost) : 0;
  const openHosts = [...free.slice(0, mayUseMore), ...used];
  return {
    domain,
    placed,
    openHosts,
    newHostRoom,
    capacity: newHostRoom === 0 ? roomOf(openHosts) : roomOf(used) + mayUseMore * newHostRoom,
  };
}

function roomOf(hosts: readonly OpenHost[]): number {
  return hosts.reduce((sum, { room }) => sum + room, 0);
}

function openHost(hostId: string, load: number, domain: Domain, limits: HostLimits): OpenHost {
  return { hostId, load, room: Math.min(domain.nodesPerHost - load, limits.nodesPerHost) };
}
