import type { AgentUpdateFailed, ExecOutcome, ExecProgress, Facts, NodeStatus, Sample, SessionRequest } from '@wombat/proto/agent';
import { packStatuses, shrinkOutcome } from './frames.js';

type Frame = NonNullable<SessionRequest['frame']>;

/** Pieces of output, each as large as a frame of them may be: 256 KiB. */
const mostPieces = 16;

/**
 * What waits to be sent in one session. It is bounded by what there is to say, however long the
 * stream is blocked: one beat, one sample, one set of facts, one position, the newest status of
 * each node, each outcome once, how an update of the agent failed. When the stream takes little, what matters goes first:
 *
 *   the answer to a ping, position, facts, statuses, outcomes, what running commands write, then a
 *   sample, and a beat only when nothing else is left.
 *
 * An older sample gives way to a newer one, an older status of a node to its newer one, and a beat
 * to anything. Outcomes are never dropped; the journal has them until they are acknowledged.
 */
export class Outbox {
  #position: bigint | undefined;
  #facts: Facts | undefined;
  readonly #statuses = new Map<string, NodeStatus>();
  readonly #outcomes = new Map<string, ExecOutcome>();
  /** Outcomes already sent in this session; they are sent again only in the next one. */
  readonly #sentOutcomes = new Set<string>();
  #updateFailed: AgentUpdateFailed | undefined;
  readonly #progress: ExecProgress[] = [];
  #completeIsDue = false;
  #sample: Sample | undefined;
  #beatIsDue = false;
  #pingIsUnanswered = false;

  journaled(syncId: bigint): void {
    if (this.#position === undefined || syncId > this.#position) this.#position = syncId;
  }

  facts(facts: Facts): void {
    this.#facts = facts;
  }

  status(status: NodeStatus): void {
    // Taken out first, so that a node that changes all the time does not keep its place in front.
    this.#statuses.delete(status.nodeId);
    this.#statuses.set(status.nodeId, status);
  }

  /** Every node of the host; the last frame that carries one of them says that the report is complete. */
  completeReport(statuses: Iterable<NodeStatus>): void {
    for (const status of statuses) this.status(status);
    this.#completeIsDue = true;
  }

  outcome(outcome: ExecOutcome): void {
    const key = outcomeKey(outcome);
    if (!this.#sentOutcomes.has(key)) this.#outcomes.set(key, outcome);
  }

  /** The coordinator has it: it needs no place here any more. */
  acknowledged(outcome: { readonly jobId: string; readonly targetId: string }): void {
    const key = outcomeKey(outcome);
    this.#outcomes.delete(key);
    this.#sentOutcomes.delete(key);
  }

  /** False: too much of it waits already. */
  progress(progress: ExecProgress): boolean {
    if (this.#progress.length >= mostPieces) return false;
    this.#progress.push(progress);
    return true;
  }

  updateFailed(failed: AgentUpdateFailed): void {
    this.#updateFailed = failed;
  }

  sample(sample: Sample): void {
    this.#sample = sample;
  }

  beat(): void {
    this.#beatIsDue = true;
  }

  /** A ping wants its beat before all else, even when other frames are on their way. */
  answerPing(): void {
    this.#pingIsUnanswered = true;
  }

  /** The next frame to be written; undefined when there is nothing to say. */
  next(): SessionRequest | undefined {
    const frame = this.#nextFrame();
    this.#pingIsUnanswered = false;
    // Whatever is sent shows as well as a beat that the agent is alive.
    this.#beatIsDue = false;
    return frame && { frame };
  }

  #nextFrame(): Frame | undefined {
    if (this.#pingIsUnanswered) return { $case: 'beat', value: {} };
    return this.#nextPosition() ?? this.#nextFacts() ?? this.#nextStatuses() ?? this.#nextOutcome() ?? this.#nextUpdateFailed() ?? this.#nextProgress() ?? this.#nextSample() ?? this.#nextBeat();
  }

  #nextPosition(): Frame | undefined {
    if (this.#position === undefined) return undefined;
    const value = { syncId: this.#position };
    this.#position = undefined;
    return { $case: 'assignmentsJournaled', value };
  }

  #nextFacts(): Frame | undefined {
    if (!this.#facts) return undefined;
    const value = this.#facts;
    this.#facts = undefined;
    return { $case: 'facts', value };
  }

  #nextStatuses(): Frame | undefined {
    if (this.#statuses.size === 0 && !this.#completeIsDue) return undefined;
    const statuses = packStatuses(this.#statuses.values());
    for (const { nodeId } of statuses) this.#statuses.delete(nodeId);
    const complete = this.#completeIsDue && this.#statuses.size === 0;
    if (complete) this.#completeIsDue = false;
    return { $case: 'status', value: { statuses: [...statuses], complete } };
  }

  #nextOutcome(): Frame | undefined {
    for (const [key, outcome] of this.#outcomes) {
      this.#outcomes.delete(key);
      this.#sentOutcomes.add(key);
      return { $case: 'execOutcome', value: shrinkOutcome(outcome) };
    }
    return undefined;
  }

  #nextUpdateFailed(): Frame | undefined {
    if (!this.#updateFailed) return undefined;
    const value = this.#updateFailed;
    this.#updateFailed = undefined;
    return { $case: 'agentUpdateFailed', value };
  }

  #nextProgress(): Frame | undefined {
    const value = this.#progress.shift();
    return value && { $case: 'execProgress', value };
  }

  #nextSample(): Frame | undefined {
    if (!this.#sample) return undefined;
    const value = this.#sample;
    this.#sample = undefined;
    return { $case: 'sample', value };
  }

  #nextBeat(): Frame | undefined {
    return this.#beatIsDue ? { $case: 'beat', value: {} } : undefined;
  }
}

function outcomeKey({ jobId, targetId }: { readonly jobId: string; readonly targetId: string }): string {
  return `${jobId} ${targetId}`;
}
