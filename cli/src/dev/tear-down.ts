import { orAborted } from '@wombat/proto';
import {
  DataPolicy, HostPhase, HostServiceService, ListHostsRequest, ListNodesRequest, NodeServiceService, OperationServiceService,
  RemoveHostRequest, RemoveNodesRequest, WatchOperationRequest, type Host, type Node, type Operation,
} from '@wombat/proto/control';
import type { Control } from '../control/control.js';
import { newMutation } from '../control/mutation.js';
import { idOf } from '../control/names.js';
import { allPages } from '../control/paging.js';
import { count } from '../output/words.js';

/**
 * Removes every node, then every host, through the API; the coordinator does the work and knows what is left.
 * Again and again, because somebody may deploy in the meantime.
 */
export async function tearDown(control: Control, tell: (text: string) => void, signal: AbortSignal): Promise<void> {
  for (;;) {
    const nodes = await listNodes(control);
    const hosts = await listHosts(control);
    if (nodes.length === 0 && hosts.length === 0) return;
    if (nodes.length > 0) {
      tell(`removing ${count(nodes.length, 'node')}`);
      await Promise.all([...groupByFamily(nodes).values()].map((members) => removeNodes(control, members, signal)));
    } else {
      tell(`removing ${count(hosts.length, 'host')}`);
      await Promise.all(hosts.map((host) => removeHost(control, host, signal)));
    }
    signal.throwIfAborted();
  }
}

function listNodes(control: Control): Promise<Node[]> {
  return allPages<Node>(async (page) => {
    const answer = await control.call(NodeServiceService.listNodes, ListNodesRequest.fromPartial({ page }));
    return { items: answer.nodes, page: answer.page };
  });
}

async function listHosts(control: Control): Promise<Host[]> {
  const hosts = await allPages<Host>(async (page) => {
    const answer = await control.call(HostServiceService.listHosts, ListHostsRequest.fromPartial({ page }));
    return { items: answer.hosts, page: answer.page };
  });
  return hosts.filter((host) => host.phase !== HostPhase.GONE);
}

function groupByFamily(nodes: readonly Node[]): Map<string, Node[]> {
  const families = new Map<string, Node[]>();
  for (const node of nodes) families.set(node.familyId, [...(families.get(node.familyId) ?? []), node]);
  return families;
}

async function removeNodes(control: Control, nodes: readonly Node[], signal: AbortSignal): Promise<void> {
  const request = RemoveNodesRequest.fromPartial({ mutation: newMutation(), nodes: nodes.map((node) => idOf(node)), data: DataPolicy.DELETE });
  const { operation } = await control.call(NodeServiceService.removeNodes, request, { signal });
  await untilEnded(control, operation!, signal);
}

async function removeHost(control: Control, host: Host, signal: AbortSignal): Promise<void> {
  const { operation } = await control.call(HostServiceService.removeHost, RemoveHostRequest.fromPartial({ mutation: newMutation(), host: idOf(host) }), { signal });
  await untilEnded(control, operation!, signal);
}

/** The stream ends with the operation. */
async function untilEnded(control: Control, operation: Operation, signal: AbortSignal): Promise<void> {
  const watch = async (): Promise<void> => {
    const request = WatchOperationRequest.fromPartial({ operation: idOf(operation) });
    for await (const message of control.stream(OperationServiceService.watchOperation, request, { signal })) {
      if (message.kind?.$case === 'operation' && message.kind.value.finishedAt) return;
    }
  };
  await orAborted(watch(), signal);
}
