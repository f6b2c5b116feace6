import type { JournalDamage } from '@wombat/proto/agent';
import type { ErrorDetail } from '@wombat/proto/types';
import type { AgentUpdate } from '../domain/model/agent-update.js';
import type { NewEvent } from '../domain/model/event.js';
import type { Family } from '../domain/model/family.js';
import type { Host } from '../domain/model/host.js';
import type { Node } from '../domain/model/node.js';
import type { StoredError } from '../domain/model/object.js';
import type { Operation } from '../domain/model/operation.js';
import { WombatError } from '@wombat/proto';

/** A node has gone into its phase. */
export function nodePhaseEvent(node: Node): NewEvent {
  const error = node.phase === 'failed' ? node.lastError : undefined;
  return {
    type: 'node.phase',
    subjectId: node.id,
    subjectName: node.name,
    reason: error?.code ?? node.phase,
    message: error ? `${node.name} failed: ${error.message}` : `${node.name} is ${node.phase}${node.waiting ? `: ${node.waiting.reason}` : ''}`,
    nodeId: node.id,
    hostId: node.hostId,
    familyId: node.familyId,
    operationId: node.operationId,
    payload: {
      phase: node.phase,
      ...(node.phase === 'running' || node.phase === 'starting' ? { pid: node.pid } : {}),
      ...(error ? { error, logTail: node.logTail } : {}),
    },
  };
}

/** Something happened to a node without a change of phase that lasts. */
export function nodeEvent(node: Node, type: string, reason: string, message: string, payload: NewEvent['payload'] = {}): NewEvent {
  return {
    type, subjectId: node.id, subjectName: node.name, reason, message, payload,
    nodeId: node.id, hostId: node.hostId, familyId: node.familyId, operationId: node.operationId,
  };
}

export function hostPhaseEvent(host: Host, message = `${host.name} is ${host.phase}`): NewEvent {
  return {
    type: 'host.phase',
    subjectId: host.id,
    subjectName: host.name,
    reason: host.phase === 'failed' ? (host.lastError?.code ?? 'failed') : host.phase,
    message,
    hostId: host.id,
    operationId: host.operationId ?? '',
    payload: { phase: host.phase, ...(host.lastError && host.phase === 'failed' ? { error: host.lastError } : {}) },
  };
}

const agentEventTypes = { active: 'host.agent-updating', done: 'host.agent-updated', failed: 'host.agent-update-failed' } as const;

/** The update of a host's agent has come to its state. */
export function agentEvent({ id, name, agentUpdate }: Host & { readonly agentUpdate: AgentUpdate }): NewEvent {
  const { operationId, sha256, state, error } = agentUpdate;
  const said = { active: `is to run package ${sha256.slice(0, 12)}`, done: 'runs the package that it was to run', failed: `was not updated: ${error?.message ?? ''}` };
  return {
    type: agentEventTypes[state], subjectId: id, subjectName: name, reason: error?.code ?? state, message: `the agent of ${name} ${said[state]}`,
    hostId: id, operationId, payload: { sha256, ...(error ? { error } : {}) },
  };
}

/** Nothing is to be done about it: the agent goes on with what could be read and is told the rest again. */
export function journalDamageEvent(host: Host, { journal, keptAs, reason }: JournalDamage): NewEvent {
  const kept = keptAs === '' ? '' : `; it was put aside as ${keptAs}`;
  return {
    type: 'host.journal-damaged',
    subjectId: host.id,
    subjectName: host.name,
    reason: 'journal-damaged',
    message: `${journal} of the agent of ${host.name} was damaged: ${reason}${kept}`,
    hostId: host.id,
    payload: { journal, keptAs, reason },
  };
}

export function familyEvent(family: Family, type: string, reason: string, message: string, payload: NewEvent['payload'] = {}): NewEvent {
  return { type, subjectId: family.id, subjectName: family.name, familyId: family.id, reason, message, payload };
}

export function operationEvent(operation: Operation, type: string, message: string): NewEvent {
  return {
    type,
    subjectId: operation.id,
    subjectName: operation.name,
    operationId: operation.id,
    familyId: operation.familyId,
    reason: operation.error?.code ?? operation.state,
    message,
    payload: { kind: operation.kind, state: operation.state, progress: operation.progress, ...(operation.error ? { error: operation.error } : {}) },
  };
}

/** Of an operation that has come to the end of its cancellation. */
export function cancelledEvent(operation: Operation): NewEvent {
  return operationEvent(operation, 'operation.cancelled', `${operation.cancelledBy ?? 'somebody'} has cancelled ${operation.name}; what is left: ${operation.rest ?? 'nothing'}`);
}

export function storedError(error: unknown): StoredError {
  const { code, message, hint } = WombatError.from(error);
  return { code, message, hint };
}

export function storedErrorOf(detail: ErrorDetail): StoredError {
  return { code: detail.code, message: detail.message, hint: detail.hint };
}
