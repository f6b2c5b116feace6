import { groupBy, orAborted, WombatError, type Clock } from '@wombat/proto';
import {
  CancelOperationRequest, DataPolicy, HostPhase, HostServiceService, ListHostsRequest, ListNodesRequest, ListOperationsRequest, NodeServiceService, OperationKind, OperationServiceService,
  RemoveHostRequest, RemoveNodesRequest, WatchOperationRequest, type Host, type Node, type Operation,
} from '@wombat/proto/control';
import type { Control } from '../control/control.js';
import { newMutation } from '../control/mutation.js';
import { idOf } from '../control/names.js';
import { allPages } from '../control/paging.js';
import { count } from '../output/words.js';

/**
 * Cancels what goes on, then removes every node, then every host, through the API: the coordinator does the
 * work and knows what is left. Again and again, because somebody may deploy in the meantime.
 */
export async function tearDown(control: Control, clock: Clock, tell: (text: string) => void, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    await cancelOperations(control, tell, signal);
    const nodes = await listNodes(control);
    const hosts = await listHosts(control);
    if (nodes.length === 0 && hosts.length === 0) return;
    if (nodes.length > 0) {
      tell(`removing ${count(nodes.length, 'node')}`);
      await allOf([...groupBy(nodes, ({ familyId }) => familyId).values()].map((members) => removeNodes(control, members, signal)));
    } else {
      tell(`removing ${count(hosts.length, 'host')}`);
      await allOf(hosts.map((host) => removeHost(control, host, signal)));
    }
    await clock.sleep(pauseMs, signal);
  }
}

const pauseMs = 50;

/** Lets each go to its end before a failure is told. A conflict is none: the next round meets it again. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) {
    if (result.status === 'rejected' && !(WombatError.is(result.reason) && result.reason.code === 'WO_CONFLICT')) throw result.reason;
  }
}

/** A family whose operation goes on is held by it. */
async function cancelOperations(control: Control, tell: (text: string) => void, signal: AbortSignal): Promise<void> {
  const running = await allPages<Operation>(async (page) => {
    const answer = await control.call(OperationServiceService.listOperations, ListOperationsRequest.fromPartial({ page }));
    return { items: answer.operations, page: answer.page };
  }, { filter: 'state=running' });
  const cancelable = running.filter((operation) => operation.kind !== OperationKind.REMOVE && operation.kind !== OperationKind.REMOVE_HOST);
  if (cancelable.length > 0) tell(`cancelling ${count(cancelable.length, 'operation')}`);
  await Promise.all(cancelable.map(async (operation) => {
    const request = CancelOperationRequest.fromPartial({ mutation: newMutation(), operation: idOf(operation) });
    // It may have ended by itself in between.
    await control.call(OperationServiceService.cancelOperation, request, { signal }).catch(() => {});
    await untilEnded(control, operation, signal);
  }));
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
