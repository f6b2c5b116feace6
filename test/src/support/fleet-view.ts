import { limits } from '@wombat/proto';
import {
  EventServiceService, FamilyServiceService, GetFamilyStatusRequest, GetOperationRequest, GetVersionRequest, HostPhase, HostServiceService, ListEventsRequest, ListHostsRequest,
  ListNodesRequest, ListOperationsRequest, NodePhase, NodeServiceService, OperationServiceService, SystemServiceService,
  type Event, type GetFamilyStatusResponse, type Host, type Node, type Operation,
} from '@wombat/proto/control';
import type { ControlClient } from './control-client.js';
import { notYet, until } from './until.js';

const joinedPhases: readonly HostPhase[] = [HostPhase.UP, HostPhase.DRAINING, HostPhase.UNKNOWN];

/** What the coordinator knows. */
export class FleetView {
  readonly #control: () => ControlClient;

  constructor(control: () => ControlClient) {
    this.#control = control;
  }

  async nodes(): Promise<Node[]> {
    return everyPage(async (page) => {
      const answer = await this.#control().call(NodeServiceService.listNodes, ListNodesRequest.fromPartial({ page }));
      return { items: answer.nodes, next: answer.page?.nextPageToken };
    });
  }

  /** @throws Error when there is no node with this id */
  async node(id: string): Promise<Node> {
    const nodes = await this.nodes();
    const found = nodes.find((node) => idOf(node) === id);
    if (!found) throw new Error(`${id} is none of ${nodes.map(tellNode).join(', ')}`);
    return found;
  }

  async hosts(): Promise<Host[]> {
    const hosts = await everyPage(async (page) => {
      const answer = await this.#control().call(HostServiceService.listHosts, ListHostsRequest.fromPartial({ page }));
      return { items: answer.hosts, next: answer.page?.nextPageToken };
    });
    return hosts.filter((host) => host.phase !== HostPhase.GONE);
  }

  /** Until the agents of all hosts that have joined have a session. */
  async untilConnected(): Promise<void> {
    const hosts = (await this.hosts()).filter(({ phase }) => joinedPhases.includes(phase)).length;
    await until(`${hosts} agents are connected`, async () => {
      const { agents } = await this.#control().call(SystemServiceService.getVersion, GetVersionRequest.fromPartial({}));
      const connected = Object.values(agents).reduce((sum, count) => sum + count, 0);
      return connected >= hosts || notYet(connected);
    });
  }

  async operations(): Promise<Operation[]> {
    return (await this.#control().call(OperationServiceService.listOperations, ListOperationsRequest.fromPartial({}))).operations;
  }

  async operation(operation: string): Promise<Operation> {
    return (await this.#control().call(OperationServiceService.getOperation, GetOperationRequest.fromPartial({ operation }))).operation!;
  }

  /** The whole history, or the events of one type. */
  async events(type?: string): Promise<Event[]> {
    const { events } = await this.#control().call(EventServiceService.listEvents, ListEventsRequest.fromPartial({ limit: 1_000 }));
    return type === undefined ? events : events.filter((event) => event.type === type);
  }

  /** At most 1,000 that came after this one, oldest first. */
  async eventsAfter(sequence: bigint): Promise<Event[]> {
    return (await this.#control().call(EventServiceService.listEvents, ListEventsRequest.fromPartial({ afterSequence: sequence, limit: 1_000 }))).events;
  }

  async status(family: string): Promise<GetFamilyStatusResponse> {
    return await this.#control().call(FamilyServiceService.getFamilyStatus, GetFamilyStatusRequest.fromPartial({ family }));
  }
}

interface PageWish {
  readonly pageSize: number;
  readonly pageToken: string;
}

async function everyPage<T>(ask: (page: PageWish) => Promise<{ readonly items: readonly T[]; readonly next: string | undefined }>): Promise<T[]> {
  const found: T[] = [];
  let pageToken: string | undefined = '';
  do {
    const { items, next } = await ask({ pageSize: limits.pageSizeMaximum, pageToken });
    found.push(...items);
    pageToken = next;
  } while (pageToken);
  return found;
}

export function idOf(object: { readonly metadata?: { readonly id: string } | undefined } | undefined): string {
  return object?.metadata?.id ?? '';
}

export function nameOf(object: { readonly metadata?: { readonly name: string } | undefined }): string {
  return object.metadata?.name ?? '';
}

/** "running", "unknown" */
export function phaseOf(node: Node): string {
  return (NodePhase[node.phase] ?? 'unrecognised').toLowerCase();
}

/** "riak-1 running 4711" for messages. */
export function tellNode(node: Node): string {
  return `${nameOf(node)} ${phaseOf(node)} ${node.pid}${node.waiting ? ` (${node.waiting.reason})` : ''}${node.lastError ? ` [${node.lastError.code} ${node.lastError.message}]` : ''}`;
}

/** "laptop-1 UP" for messages. */
export function tellHost(host: Host): string {
  return `${nameOf(host)} ${HostPhase[host.phase] ?? ''}${host.waiting ? ` (${host.waiting.reason})` : ''}`;
}
