import { platformText } from '@wombat/proto';
import type { Host } from '../model/host.js';
import { hostPlatform } from '../model/host-platform.js';
import type { Node } from '../model/node.js';
import type { Artifact, ManifestPort } from '../model/release.js';
import { artifactFor } from '../release/artifact-platform.js';
import type { HostLimits } from './host-pool.js';

/** What matters of a release to where its nodes can go. */
export interface ReleaseDemand {
  readonly ports: readonly ManifestPort[];
  readonly artifacts: readonly Pick<Artifact, 'platform'>[];
}

export interface ReleaseLimits extends HostLimits {
  /** What is ruled out, and why; empty when nothing is. */
  why(hosts: readonly Host[]): string[];
}

/** A fixed port means one node a host, and none where a neighbour has it; a host that no artifact was built for takes none. */
export function releaseLimits({ ports, artifacts }: ReleaseDemand, neighbours: readonly Node[]): ReleaseLimits {
  const fixed = ports.filter((port) => port.number > 0);
  const occupied = new Set(neighbours.filter((node) => fixed.some((port) => hasPort(node, port))).map((node) => node.hostId));
  const runs = (host: Host): boolean => {
    const platform = hostPlatform(host);
    return platform === undefined || artifactFor(artifacts, platform) !== undefined;
  };
  return {
    nodesPerHost: fixed.length > 0 ? 1 : Infinity,
    admits: (host) => !occupied.has(host.id) && runs(host),
    // Machines of one image and one profile are of one kind.
    admitsLike: (hosts) => hosts.length === 0 || hosts.some(runs),
    why: (hosts) => [...fixed.map((port) => `port ${port.name} is fixed (${port.protocol} ${port.number}): one node a host`), ...foreign(hosts.filter((host) => !runs(host)), artifacts)],
  };
}

function hasPort(node: Node, { number, protocol }: ManifestPort): boolean {
  return (protocol === 'tcp' && node.distributionPort === number) || node.ports.some((port) => port.number === number && port.protocol === protocol);
}

function foreign(hosts: readonly Host[], artifacts: ReleaseDemand['artifacts']): string[] {
  if (hosts.length === 0) return [];
  const platforms = new Set(hosts.map((host) => platformText(hostPlatform(host)!)));
  const built = artifacts.map(({ platform }) => platformText(platform)).join(', ');
  return [`${hosts.length} hosts are ${[...platforms].join(', ')}, the release has artifacts for ${built}`];
}
