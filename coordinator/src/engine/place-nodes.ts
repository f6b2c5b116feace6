import { WombatError, type Clock, type Ids } from '@wombat/proto';
import type { Domain, Family } from '../domain/model/family.js';
import type { Host } from '../domain/model/host.js';
import type { Node, NodePort } from '../domain/model/node.js';
import type { PlanEntry } from '../domain/model/operation.js';
import type { Release } from '../domain/model/release.js';
import { slug } from '../domain/model/slug.js';
import { coolingDomains } from '../domain/placement/cooling.js';
import { place, type PlacedNode, type Placement } from '../domain/placement/place.js';
import { acceptingPhases } from '../domain/states/host-states.js';
import { presentPhases } from '../domain/states/node-states.js';
import type { NewEvent } from '../domain/model/event.js';
import type { NewObject, Transaction } from '../store/store.js';
import { hostPhaseEvent, nodePhaseEvent } from './events.js';
import type { EnforcesFirewall } from './ports.js';
import { nodesOnHosts } from './nodes-on-hosts.js';
import { withNames } from './plan-names.js';
import { takePorts } from './ports-allocation.js';

export interface EngineTools {
  readonly clock: Clock;
  readonly ids: Ids;
}

/** What nodes are placed with. */
export interface PlacementTools extends EngineTools {
  readonly enforcesFirewall: EnforcesFirewall;
}

export interface NodesToPlace {
  readonly family: Family;
  /** The generation of the family whose specification they run. */
  readonly familyGeneration: number;
  readonly release: Release;
  readonly amount: number;
  /** What brings them. */
  readonly operationId: string;
}

/** Rows that were written. */
export interface PlacedNodes {
  readonly nodes: readonly NewObject<Node>[];
  /** What is done for them and why, with names. */
  readonly plan: readonly PlanEntry[];
  readonly events: readonly NewEvent[];
}

/**
 * Writes the rows of new nodes, and of the hosts that they need.
 * @throws WombatError WO_NO_DOMAIN, WO_PLACEMENT_IMPOSSIBLE
 */
export async function placeNodes(tools: PlacementTools, transaction: Transaction, request: NodesToPlace): Promise<PlacedNodes> {
  const { family } = request;
  const domains = await transaction.domains.find({ familyId: family.id });
  if (domains.length === 0) throw new WombatError('WO_NO_DOMAIN', `family ${family.name} has no deployment domain`);
  const placement = await placeIn(tools, transaction, request, domains);
  const now = tools.clock.now();
  const hosts = await newHosts(tools, transaction, placement, domains, request.operationId, now);
  const nodes = await newNodes(tools, transaction, request, placement, hosts, now);
  await transaction.hosts.insertAll(hosts);
  await transaction.nodes.insertAll(nodes);
  return {
    nodes,
    plan: await withNames(transaction, planOf(placement, hosts, nodes), [...hosts, ...domains]),
    events: [...hosts.map((host) => hostPhaseEvent(host as Host)), ...nodes.map((node) => nodePhaseEvent(node as Node))],
  };
}

async function placeIn({ clock }: Pick<EngineTools, 'clock'>, transaction: Transaction, { family, amount, release }: NodesToPlace, domains: readonly Domain[]): Promise<Placement> {
  const hosts = (await transaction.hosts.find({ phase: acceptingPhases })).filter((host) => host.desired === 'present');
  const existing = await transaction.nodes.find({ familyId: family.id, phase: presentPhases });
  const { manifest: { ports }, artifacts } = release;
  const neighbours = ports.some(({ number }) => number > 0) ? await nodesOnHosts(transaction, hosts.map(({ id }) => id)) : [];
  const cooling = coolingDomains(domains, await transaction.hosts.find({ phase: 'failed' }), clock.now());
  const placement = place({ familyId: family.id, amount, release: { ports, artifacts } }, domains, hosts, existing, { neighbours, cooling });
  if (placement.kind === 'placed') return placement;
  throw new WombatError('WO_PLACEMENT_IMPOSSIBLE', `only ${placement.fits} of ${amount} nodes fit: ${placement.constraint}`, { hint: placement.change });
}

async function newHosts(
  tools: PlacementTools,
  transaction: Transaction,
  placement: Placement,
  domains: readonly Domain[],
  operationId: string,
  now: number,
): Promise<NewObject<Host>[]> {
  const hosts: NewObject<Host>[] = [];
  for (const { domainId } of placement.newHosts) {
    const domain = domains.find(({ id }) => id === domainId)!;
    const provider = await transaction.providers.get(domain.providerId);
    const base = slug(provider?.name ?? 'host');
    const id = tools.ids.next('host');
    hosts.push({
      id,
      name: await freeHostName(transaction, base),
      generation: 1,
      observedGeneration: 0,
      providerId: domain.providerId,
      image: domain.image,
      hardwareProfile: domain.hardwareProfile,
      region: domain.region,
      zone: domain.zone,
      // One row asks for one machine, however often the call is repeated.
      key: id,
      phase: 'requested',
      phaseSince: now,
      waiting: { reason: 'its provider has not been asked yet', since: now },
      desired: 'present',
      machineId: '',
      addresses: [],
      attempts: 0,
      operationId,
      ...(provider && tools.enforcesFirewall(provider.driver) ? { firewallFamilyId: domain.familyId } : {}),
    });
  }
  return hosts;
}

/** Somebody may have given a name of this form to a machine of his own. */
async function freeHostName(transaction: Transaction, base: string): Promise<string> {
  for (;;) {
    const name = `${base}-${await transaction.nextNumber(`host:${base}`)}`;
    if ((await transaction.hosts.count({ name })) === 0) return name;
  }
}

async function newNodes(
  tools: EngineTools,
  transaction: Transaction,
  request: NodesToPlace,
  placement: Placement,
  hosts: readonly NewObject<Host>[],
  now: number,
): Promise<NewObject<Node>[]> {
  const { family, familyGeneration, release, operationId } = request;
  const base = release.manifest.nodeName || slug(family.name);
  const count = placement.nodes.length;
  const firstNumber = await transaction.nextNumber(`node:${base}`, count);
  const firstOrdinal = await transaction.nextNumber(`ordinal:${family.id}`, count);
  const hostIds = placement.nodes.map((placed) => hostIdOf(placed, hosts));
  const ports = await takePorts(transaction, release.manifest, hostIds, new Set(hosts.map(({ id }) => id)));
  return placement.nodes.map((placed, index) => ({
    id: tools.ids.next('node'),
    name: `${base}-${firstNumber + index}`,
    generation: 1,
    observedGeneration: 0,
    familyId: family.id,
    familyGeneration,
    domainId: placed.domainId,
    hostId: hostIds[index]!,
    releaseId: release.id,
    ordinal: firstOrdinal + index,
    desired: 'running',
    restartGeneration: 0,
    keepData: false,
    phase: 'pending',
    phaseSince: now,
    waiting: { reason: 'host' in placed && 'newHost' in placed.host ? 'its host is created' : 'its host has not taken it yet', since: now },
    address: '',
    erlangName: '',
    ports: ports[index]!.named as readonly NodePort[],
    distributionPort: ports[index]!.distribution,
    contactIds: [],
    pid: 0,
    startId: '',
    restarts: 0,
    logTail: '',
    operationId,
  }));
}

function hostIdOf(placed: PlacedNode, hosts: readonly NewObject<Host>[]): string {
  return 'hostId' in placed.host ? placed.host.hostId : hosts[placed.host.newHost]!.id;
}

function planOf(placement: Placement, hosts: readonly NewObject<Host>[], nodes: readonly NewObject<Node>[]): PlanEntry[] {
  return [
    ...hosts.map((host, index): PlanEntry => ({
      action: 'create_host', nodeId: '', nodeName: '', hostId: host.id, domainId: placement.newHosts[index]!.domainId, reason: `no host that is there has room; this one becomes ${host.name}`,
    })),
    ...nodes.map((node, index): PlanEntry => ({
      action: 'create_node', nodeId: node.id, nodeName: node.name, hostId: node.hostId, domainId: node.domainId, reason: placement.nodes[index]!.reason,
    })),
  ];
}
