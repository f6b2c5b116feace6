import { Facts } from '@wombat/proto/agent';
import type { AttributeSource } from '../../domain/attributes/attribute-table.js';
import type { TargetSource } from '../../domain/attributes/target-attributes.js';
import type { Host } from '../../domain/model/host.js';
import type { Node } from '../../domain/model/node.js';
import type { StoredObject } from '../../domain/model/object.js';
import type { Provider } from '../../domain/model/provider.js';
import { presentHostPhases } from '../../domain/states/host-states.js';
import { presentPhases } from '../../domain/states/node-states.js';
import type { Reader } from '../../store/store.js';
import { inTurns } from './in-turns.js';

export type SourceReader = Pick<Reader, 'families' | 'nodes' | 'hosts' | 'domains' | 'releases' | 'providers'>;

export interface NodeSource extends TargetSource {
  readonly node: Node;
}

/** Its facts are taken apart when somebody asks for one of them, and once. */
export class HostSource implements AttributeSource {
  #facts: Facts | undefined;

  constructor(readonly host: Host, readonly provider: Provider | undefined) {}

  get facts(): Facts | undefined {
    if (this.#facts === undefined && this.host.facts !== undefined) this.#facts = Facts.fromJSON(this.host.facts);
    return this.#facts;
  }
}

/** Every host that there is, by its id. */
export async function hostSources(read: SourceReader): Promise<Map<string, HostSource>> {
  const providers = byId(await read.providers.find({}));
  const sources = new Map<string, HostSource>();
  for await (const hosts of inTurns(read.hosts, { phase: presentHostPhases })) {
    for (const host of hosts) sources.set(host.id, new HostSource(host, providers.get(host.providerId)));
  }
  return sources;
}

/** Every node that there is and whose host is known. */
export async function* nodeSources(read: SourceReader, hosts: ReadonlyMap<string, HostSource>): AsyncGenerator<NodeSource> {
  const [families, domains, releases] = await Promise.all([read.families.find({}), read.domains.find({}), read.releases.find({})]);
  const [familyOf, domainOf, releaseOf] = [byId(families), byId(domains), byId(releases)];
  for await (const nodes of inTurns(read.nodes, { phase: presentPhases })) {
    for (const node of nodes) {
      const on = hosts.get(node.hostId);
      if (!on) continue;
      const [family, domain, release] = [familyOf.get(node.familyId), domainOf.get(node.domainId), releaseOf.get(node.releaseId)];
      yield {
        node, host: on.host, provider: on.provider,
        get facts() {
          return on.facts;
        },
        ...(family && { family }), ...(domain && { domain }), ...(release && { release }),
      };
    }
  }
}

/** Host id -> the nodes that are there, of every host that has any. */
export async function nodesByHost(read: SourceReader, hosts: ReadonlyMap<string, HostSource>): Promise<Map<string, NodeSource[]>> {
  const nodesOn = new Map<string, NodeSource[]>();
  for await (const source of nodeSources(read, hosts)) {
    const nodes = nodesOn.get(source.host.id);
    if (nodes) nodes.push(source);
    else nodesOn.set(source.host.id, [source]);
  }
  return nodesOn;
}

function byId<T extends StoredObject>(objects: readonly T[]): Map<string, T> {
  return new Map(objects.map((object) => [object.id, object]));
}
