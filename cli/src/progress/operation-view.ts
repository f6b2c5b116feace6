import { OperationKind, operationKindToJSON, OperationState, operationStateToJSON, PlanAction, type Event, type Operation, type WatchOperationResponse } from '@wombat/proto/control';
import { nodePhaseWords } from './phases.js';
import { word } from '../output/words.js';

export interface TargetError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** A node or host of the operation, as its events tell. */
export interface Target {
  readonly id: string;
  readonly name: string;
  readonly kind: 'node' | 'host';
  readonly phase: string;
  /** Time of the coordinator; 0 before the first event. */
  readonly sinceMs: number;
  readonly error?: TargetError;
  readonly logTail?: string;
}

/** A change of state worth a line. */
export interface Change {
  readonly atMs: number;
  readonly subject: string;
  readonly phase: string;
  readonly message: string;
  readonly isFailure: boolean;
}

/** The phase that means "as asked for", by what was asked. */
const goals: Readonly<Partial<Record<OperationKind, string>>> = {
  [OperationKind.DEPLOY]: 'running', [OperationKind.START]: 'running', [OperationKind.RESTART]: 'running', [OperationKind.UPDATE]: 'running', [OperationKind.SCALE]: 'running',
  [OperationKind.STOP]: 'stopped', [OperationKind.DRAIN]: 'stopped', [OperationKind.REMOVE]: 'gone', [OperationKind.DRAIN_HOST]: 'gone', [OperationKind.REMOVE_HOST]: 'gone',
  [OperationKind.UPDATE_AGENTS]: 'updated',
};

/** Of a host whose agent is updated. */
const agentPhases: Readonly<Record<string, string>> = { 'host.agent-updating': 'updating', 'host.agent-updated': 'updated', 'host.agent-update-failed': 'failed' };

const ofHosts: ReadonlySet<PlanAction> = new Set([PlanAction.CREATE_HOST, PlanAction.DESTROY_HOST, PlanAction.UPDATE_AGENT]);

const terminal: ReadonlySet<OperationState> = new Set([OperationState.SUCCEEDED, OperationState.FAILED, OperationState.PARTIAL, OperationState.CANCELLED]);

/** The others tell what the operation itself says. */
const toldOfOperations: readonly string[] = ['operation.waiting', 'operation.cancelling'];

/** What is known of an operation, put together from its stream. Pure: knows no clock and no terminal. */
export class OperationView {
  operation: Operation;
  readonly targets = new Map<string, Target>();
  lastSequence = 0n;

  constructor(operation: Operation) {
    this.operation = operation;
    this.#planned(operation);
  }

  /** The change that the message tells, if it tells one. */
  apply(message: WatchOperationResponse): Change | undefined {
    if (message.kind?.$case === 'operation') {
      this.operation = message.kind.value;
      this.#planned(message.kind.value);
      return undefined;
    }
    return message.kind ? this.#applyEvent(message.kind.value) : undefined;
  }

  get isFinished(): boolean {
    return terminal.has(this.operation.state);
  }

  get goal(): string {
    // Which way a family is scaled its plan tells.
    if (this.operation.plan.some(({ action }) => action === PlanAction.REMOVE_NODE)) return 'gone';
    return goals[this.operation.kind] ?? 'running';
  }

  /** What those that are done have come to. */
  get outcome(): string {
    if (this.isUpdate) return 'updated';
    // As their restart policy lets them.
    const haveEnded = this.goal === 'running' && this.counts('node').has('stopped');
    return haveEnded ? 'running or ended in good order' : this.goal;
  }

  get startedMs(): number {
    return this.operation.metadata?.createdAt?.getTime() ?? 0;
  }

  get kind(): string {
    return word(operationKindToJSON(this.operation.kind), 'OPERATION_KIND_').replaceAll('_', ' ');
  }

  get state(): string {
    return word(operationStateToJSON(this.operation.state), 'OPERATION_STATE_');
  }

  get failed(): Target[] {
    return [...this.targets.values()].filter((target) => target.phase === 'failed');
  }

  /** Nodes or hosts by phase: those of nodes in the order in which they are gone through, others as they come. */
  counts(kind: Target['kind']): ReadonlyMap<string, number> {
    const phases = [...this.targets.values()].filter((target) => target.kind === kind).map(({ phase }) => phase);
    const order = [...new Set([...(kind === 'node' ? nodePhaseWords : []), ...phases])];
    return new Map(order.map((phase) => [phase, phases.filter((each) => each === phase).length] as const).filter(([, amount]) => amount > 0));
  }

  /** What the coordinator has counted, or what its newer events tell. */
  get progress(): { readonly done: number; readonly total: number; readonly failed: number } {
    const { done = 0, total = 0, failed = 0 } = this.operation.progress ?? {};
    const counts = this.counts('node');
    if (this.isFinished || counts.size === 0) return { done, total, failed };
    // Nodes run before they are updated too.
    const seen = this.isUpdate ? 0 : (counts.get(this.goal) ?? 0);
    return { total, done: Math.max(done, seen), failed: counts.get('failed') ?? 0 };
  }

  private get isUpdate(): boolean {
    return this.operation.kind === OperationKind.UPDATE || this.operation.kind === OperationKind.UPDATE_AGENTS;
  }

  #planned(operation: Operation): void {
    for (const entry of operation.plan) {
      const isHost = ofHosts.has(entry.action);
      const id = isHost ? entry.hostId : entry.nodeId;
      if (!id || this.targets.has(id)) continue;
      this.targets.set(id, { id, name: (isHost ? entry.hostName : entry.nodeName) || id, kind: isHost ? 'host' : 'node', phase: initialPhase(entry.action), sinceMs: 0 });
    }
  }

  #applyEvent(event: Event): Change | undefined {
    // A stream that was opened anew may repeat what is known.
    if (event.sequence !== 0n && event.sequence <= this.lastSequence) return undefined;
    this.lastSequence = event.sequence;
    const agentPhase = agentPhases[event.type];
    const kind = event.type === 'node.phase' ? 'node' : event.type === 'host.phase' || agentPhase ? 'host' : undefined;
    const atMs = event.time?.getTime() ?? 0;
    if (!kind) return this.#otherEvent(event, atMs);
    const payload = payloadOf(event);
    const phase = agentPhase ?? (typeof payload['phase'] === 'string' ? payload['phase'] : event.reason);
    const name = event.subjectName || event.subjectId;
    const before = this.targets.get(event.subjectId);
    const error = phase === 'failed' ? errorOf(payload['error'], event) : undefined;
    const logTail = typeof payload['logTail'] === 'string' ? payload['logTail'] : '';
    this.targets.set(event.subjectId, { id: event.subjectId, name, kind, phase, sinceMs: atMs, ...(error && { error }), ...(logTail && { logTail }) });
    if (before?.phase === phase && before.sinceMs !== 0) return undefined;
    return { atMs, subject: name, phase, message: error ? `${error.code}: ${error.message}` : '', isFailure: phase === 'failed' };
  }

  /** What is told besides phases: waiting for capacity, a crash that is restarted, a split cluster. */
  #otherEvent(event: Event, atMs: number): Change | undefined {
    if (event.type.startsWith('operation.') && !toldOfOperations.includes(event.type)) return undefined;
    const said = event.message || event.type;
    return { atMs, subject: event.subjectName || event.subjectId, phase: event.type.split('.').slice(1).join('.') || event.type, message: said, isFailure: false };
  }
}

/** What is made begins as pending; where what is there stands, its events tell. */
function initialPhase(action: PlanAction): string {
  return action === PlanAction.CREATE_NODE || action === PlanAction.CREATE_HOST ? 'pending' : '';
}

function payloadOf(event: Event): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(event.payload || '{}');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function errorOf(value: unknown, event: Event): TargetError {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const text = (key: string): string => (typeof given[key] === 'string' ? given[key] : '');
  return { code: text('code') || event.reason || 'WO_INTERNAL', message: text('message') || event.message, hint: text('hint') };
}

