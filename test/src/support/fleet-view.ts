import {
  GetFamilyStatusResponse, HostPhase, ListEventsResponse, ListHostsResponse, ListNodesResponse, ListOperationsResponse, NodePhase,
  type Event, type Host, type Node, type Operation,
} from '@wombat/proto/control';

/** How objects are asked for: `wo WORDS -o json`, which must succeed. */
export type AskJson = (...words: readonly string[]) => Promise<unknown>;

/** What the coordinator knows, read through `wo -o json`. */
export class FleetView {
  readonly #ask: AskJson;

  constructor(ask: AskJson) {
    this.#ask = ask;
  }

  async nodes(): Promise<Node[]> {
    return ListNodesResponse.fromJSON(await this.#ask('node', 'list')).nodes;
  }

  async hosts(): Promise<Host[]> {
    const { hosts } = ListHostsResponse.fromJSON(await this.#ask('host', 'list'));
    return hosts.filter((host) => host.phase !== HostPhase.GONE);
  }

  async operations(): Promise<Operation[]> {
    return ListOperationsResponse.fromJSON(await this.#ask('operation', 'list')).operations;
  }

  async events(...filter: readonly string[]): Promise<Event[]> {
    return ListEventsResponse.fromJSON(await this.#ask('event', 'list', ...filter)).events;
  }

  async status(family: string): Promise<GetFamilyStatusResponse> {
    return GetFamilyStatusResponse.fromJSON(await this.#ask('status', family));
  }
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
