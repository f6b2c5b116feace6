import { Event, Family, Node, NodePhase, Operation, OperationKind, OperationState, PlanAction, type WatchOperationResponse } from '@wombat/proto/control';

/** Objects as a coordinator answers them, with fixed ids and times. */
export const startedAt = new Date('2026-01-02T03:04:05.000Z');

export function metadata(id: string, name = ''): { id: string; name: string; createdAt: Date } {
  return { id, name, createdAt: startedAt };
}

export function family(name = 'web', id = 'fam-aaaaaaaaaaaa'): Family {
  return Family.fromPartial({ metadata: metadata(id, name), spec: { selector: 'random', bootstrap: { strategy: 'erlang-mesh', options: {} } } });
}

export function node(name: string, phase: NodePhase = NodePhase.RUNNING): Node {
  return Node.fromPartial({
    metadata: metadata(`node-${name.replace(/[^a-z2-7]/g, '').padEnd(12, 'a')}`, name), familyId: 'fam-aaaaaaaaaaaa', familyName: 'web', hostId: 'host-aaaaaaaaaaaa',
    phase, phaseSince: startedAt, erlangName: `${name}@127.1.1.1`, pid: 4711n,
  });
}

/** A deploy of some nodes; `more` overwrites. */
export function operation(names: readonly string[], more: Partial<Operation> = {}): Operation {
  return Operation.fromPartial({
    metadata: metadata('op-aaaaaaaaaaaa'), kind: OperationKind.DEPLOY, state: OperationState.RUNNING, familyId: 'fam-aaaaaaaaaaaa',
    plan: names.map((name) => ({ action: PlanAction.CREATE_NODE, nodeId: `node-${name}`, nodeName: name, hostId: 'host-aaaaaaaaaaaa', reason: 'spread evenly' })),
    progress: { total: names.length, done: 0, failed: 0 }, ...more,
  } as Parameters<typeof Operation.fromPartial>[0]);
}

let lastSequence = 0;

/** "node.phase" as the coordinator's engine tells it, `seconds` after the start. */
export function phaseEvent(name: string, phase: string, seconds: number, more: { error?: { code: string; message: string; hint: string }; logTail?: string } = {}): WatchOperationResponse {
  lastSequence += 1;
  const value = Event.fromPartial({
    sequence: BigInt(lastSequence), time: new Date(startedAt.getTime() + seconds * 1000), type: 'node.phase', subjectId: `node-${name}`, subjectName: name,
    operationId: 'op-aaaaaaaaaaaa', reason: more.error?.code ?? phase, message: `${name} is ${phase}`, payload: JSON.stringify({ phase, ...more }),
  });
  return { kind: { $case: 'event', value } };
}

export function operationMessage(value: Operation): WatchOperationResponse {
  return { kind: { $case: 'operation', value } };
}
