import type { ExecOutcome, Facts, NodeStatus } from '@wombat/proto/agent';
import type { ErrorDetail } from '@wombat/proto/types';
import type { FleetListener } from './fleet.js';
import type { Session } from './session.js';

interface Statuses {
  readonly kind: 'statuses';
  readonly session: Session;
  /** The newest of each node. */
  readonly statuses: Map<string, NodeStatus>;
  isComplete: boolean;
  bytes: number;
}

interface Outcomes {
  readonly kind: 'outcomes';
  readonly session: Session;
  readonly outcomes: ExecOutcome[];
  bytes: number;
}

/** One call of the listener. */
export type LaneItem =
  | { readonly kind: 'connected'; readonly session: Session }
  | { readonly kind: 'silent'; readonly reason: string; readonly unheardMs: number }
  | { readonly kind: 'facts'; readonly session: Session; facts: Facts }
  | { readonly kind: 'told'; readonly tell: (listener: FleetListener) => Promise<void> }
  | Statuses
  | Outcomes;

/** Roughly what an item without a size of its own holds in memory. */
const flatBytes = 1_024;

function errorBytes(error: ErrorDetail | undefined): number {
  if (!error) return 0;
  const details = Object.entries(error.details).reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  return 2 * (error.message.length + error.hint.length + details);
}

const statusBytes = (status: NodeStatus): number => 512 + 2 * status.logTail.length + errorBytes(status.lastError);
const outcomeBytes = ({ stdout, stderr, error }: ExecOutcome): number =>
  512 + (stdout?.head.length ?? 0) + (stderr?.head.length ?? 0) + errorBytes(error);
const bytesOf = (item: LaneItem): number => ('bytes' in item ? item.bytes : flatBytes);

/** What one host has said and the listener has not yet heard, in order. */
export class HostLane {
  readonly hostId: string;
  readonly #batchSize: number;
  readonly #items: LaneItem[] = [];
  /** Of what waits and what is being delivered. */
  backlogBytes = 0;
  isRunning = false;
  isStarting = false;
  isGathering = false;
  /** The session that is not read until the backlog is smaller. */
  held: Session | undefined;

  constructor(hostId: string, batchSize: number) {
    this.hostId = hostId;
    this.#batchSize = batchSize;
  }

  add(item: LaneItem): void {
    this.#items.push(item);
    this.backlogBytes += bytesOf(item);
  }

  /** Only the newest wait. */
  addFacts(session: Session, facts: Facts): void {
    for (const item of this.#items) {
      if (item.kind !== 'facts' || item.session !== session) continue;
      item.facts = facts;
      return;
    }
    this.add({ kind: 'facts', session, facts });
  }

  /** Puts them with those that wait at the end of the lane. True: a batch is full. */
  addStatuses(session: Session, statuses: readonly NodeStatus[], isComplete: boolean): boolean {
    let batch = this.#lastStatuses(session);
    for (const status of statuses) {
      if (!batch || (batch.statuses.size >= this.#batchSize && !batch.statuses.has(status.nodeId))) {
        batch = this.#newStatuses(session);
      }
      batch.statuses.set(status.nodeId, status);
      const bytes = statusBytes(status);
      batch.bytes += bytes;
      this.backlogBytes += bytes;
    }
    batch ??= this.#newStatuses(session);
    // Once said it stays: complete speaks of this batch and those before it.
    batch.isComplete ||= isComplete;
    return batch.statuses.size >= this.#batchSize || this.#items.length > 1;
  }

  #lastStatuses(session: Session): Statuses | undefined {
    const last = this.#items.at(-1);
    return last?.kind === 'statuses' && last.session === session ? last : undefined;
  }

  #newStatuses(session: Session): Statuses {
    const batch: Statuses = { kind: 'statuses', session, statuses: new Map(), isComplete: false, bytes: 0 };
    this.#items.push(batch);
    return batch;
  }

  addOutcome(session: Session, outcome: ExecOutcome): void {
    const last = this.#items.at(-1);
    const bytes = outcomeBytes(outcome);
    this.backlogBytes += bytes;
    if (last?.kind === 'outcomes' && last.session === session && last.outcomes.length < this.#batchSize) {
      last.outcomes.push(outcome);
      last.bytes += bytes;
    } else {
      this.#items.push({ kind: 'outcomes', session, outcomes: [outcome], bytes });
    }
  }

  take(): LaneItem | undefined {
    return this.#items.shift();
  }

  /** To be called once for each item taken. */
  done(item: LaneItem): void {
    this.backlogBytes -= bytesOf(item);
  }
}
