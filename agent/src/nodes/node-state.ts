import { WombatError } from '@wombat/proto';
import { type ArtifactRef, type Assignment, type NodeStatus } from '@wombat/proto/agent';
import type { Supervised } from '../processes/supervised.js';
import type { NodeContext } from './node-context.js';
import type { JournaledNode } from './node-journal.js';
import { nodePaths, type NodePaths } from './node-paths.js';
import { incarnationKey, settledKey, type NodeRecord, type StartRecord } from './node-record.js';
import type { NodeServices } from './node-services.js';
import { advance, wirePhases, type Phase } from './phase.js';
import { readStartedSpec } from './started-spec.js';

/** What is known of one node: what is wanted, what was done, what runs; and what is told of it. */
export class NodeState {
  readonly paths: NodePaths;
  assignment: Assignment;
  /** The process, also for a while after its end. */
  process: Supervised | undefined;
  readonly #services: NodeServices;
  #record: NodeRecord;
  #phase: Phase = 'pending';
  /** What the steps under way are taken for; `assignment` may be newer. */
  #pursued: Assignment;
  /** The generation that led to the phase; 0: the phase is what an earlier agent left. */
  #phaseGeneration = 0n;
  /** What a stop waits for. */
  #note: { readonly reason: string; readonly since: number } | undefined;
  #reported = '';

  constructor({ assignment, record }: JournaledNode, services: NodeServices) {
    this.paths = nodePaths(services.directory, assignment.nodeId);
    this.assignment = assignment;
    this.#pursued = assignment;
    this.#services = services;
    this.#record = record;
  }

  get nodeId(): string {
    return this.assignment.nodeId;
  }

  get phase(): Phase {
    return this.#phase;
  }

  get record(): NodeRecord {
    return this.#record;
  }

  /** What the steps under way are taken for. */
  get pursued(): Assignment {
    return this.#pursued;
  }

  get isAlive(): boolean {
    return this.process !== undefined && this.process.exit === undefined;
  }

  /** The node was given up, or ended in good order, for what is wanted now. */
  get settled(): 'failed' | 'stopped' | undefined {
    const { settled } = this.#record;
    return settled?.key === settledKey(this.assignment) ? settled.phase : undefined;
  }

  /** The last start, if it was for what is wanted now. */
  get currentStart(): StartRecord | undefined {
    const { start } = this.#record;
    return start?.incarnation === incarnationKey(this.assignment) ? start : undefined;
  }

  /** What commands for the node are run with. */
  get context(): NodeContext | undefined {
    const { spec } = this.assignment;
    return spec && this.#contextWith(spec);
  }

  /** What the process that runs is stopped with: the words of its own release. */
  get startedContext(): NodeContext | undefined {
    const spec = this.process && readStartedSpec(this.paths, this.process.startId);
    return spec ? this.#contextWith(spec) : this.context;
  }

  /** @throws WombatError WO_NODE_START_FAILED */
  requireContext(): NodeContext {
    const { context } = this;
    if (!context) throw new WombatError('WO_NODE_START_FAILED', 'the assignment does not say what to run');
    return context;
  }

  /** @throws WombatError WO_NODE_START_FAILED */
  requireArtifact(): ArtifactRef {
    const { spec } = this.requireContext();
    if (!spec.artifact) throw new WombatError('WO_NODE_START_FAILED', `no release is named for ${spec.name}`);
    return spec.artifact;
  }

  get status(): NodeStatus {
    const { start, lastError, lastExit, restarts, logTail } = this.#record;
    return {
      nodeId: this.nodeId,
      // Never that of an assignment which nothing was done for yet: its reader would take this phase for the outcome.
      generation: this.#phaseGeneration,
      phase: wirePhases[this.#phase],
      pid: this.isAlive ? BigInt(this.process?.child?.pid ?? 0) : 0n,
      startId: start?.startId ?? '',
      startedAt: start && new Date(start.startedAt),
      restarts,
      waiting: this.#waiting(),
      lastError,
      logTail,
      lastExit,
      restartGeneration: this.assignment.restartGeneration,
    };
  }

  /** In the journal when it resolves. */
  async save(record: NodeRecord): Promise<void> {
    this.#record = record;
    await this.#services.journal.record(this.nodeId, record);
  }

  /** For what need not outlive the agent. */
  remember(record: NodeRecord): void {
    this.#record = record;
  }

  /** Where an adopted node is. */
  resume(phase: Phase): void {
    this.#phase = phase;
  }

  /** From here on steps are taken for the newest assignment. */
  pursueNewest(): void {
    this.#pursued = this.assignment;
  }

  enter(phase: Phase): void {
    this.#phase = advance(this.#phase, phase);
    this.#phaseGeneration = this.#pursued.generation;
    this.#note = undefined;
    this.#report();
  }

  explain(reason: string): void {
    this.#note = { reason, since: this.#services.clock.now() };
    this.#report();
  }

  #contextWith(spec: NodeContext['spec']): NodeContext {
    const { hostId, path } = this.#services;
    return { nodeId: this.nodeId, hostId, spec, paths: this.paths, path };
  }

  #waiting(): NodeStatus['waiting'] {
    if (this.#note) return { reason: this.#note.reason, since: new Date(this.#note.since), nextTryAt: undefined };
    const { waiting } = this.#record;
    if (!waiting) return undefined;
    const { reason, sinceMs, nextTryAtMs } = waiting;
    return { reason, since: new Date(sinceMs), nextTryAt: nextTryAtMs === undefined ? undefined : new Date(nextTryAtMs) };
  }

  /** Only what has changed is told. */
  #report(): void {
    const { status } = this;
    const text = JSON.stringify(status, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    if (text === this.#reported) return;
    this.#reported = text;
    this.#services.onStatus(status);
  }
}

export function withoutWaiting(record: NodeRecord): NodeRecord {
  const { waiting: _, ...rest } = record;
  return rest;
}
