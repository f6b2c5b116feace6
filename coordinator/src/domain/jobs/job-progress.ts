import { naturalOrder } from '@wombat/proto';
import type { JobTarget, Lanes, OutcomeWord } from '../model/job.js';

export interface HeldTarget {
  readonly id: string;
  readonly hostId: string;
  readonly lanes: Lanes;
}

export interface SentTarget extends HeldTarget {
  readonly releasedAt: number;
}

/** Outcomes that are nobody's failure. */
const harmless: readonly string[] = ['ok', 'skipped'];

/** How far a job with limits has come. It is built from what is stored, and then told of each change. */
export class JobProgress {
  /** In the order of their names. */
  readonly #held = new Map<string, HeldTarget>();
  /** The longest in flight first. */
  readonly #sent = new Map<string, SentTarget>();
  /** Attribute and value -> in flight. */
  readonly #inLane = new Map<string, number>();
  #released: number;
  #failures = 0;

  /** `open`: its targets without an outcome; `counts`: how many there are of each outcome. */
  constructor(open: readonly JobTarget[], counts: Readonly<Record<string, number>>) {
    for (const [outcome, count] of Object.entries(counts)) if (outcome !== '' && !harmless.includes(outcome)) this.#failures += count;
    const targets = [...open].sort((left, right) => naturalOrder(left.name, right.name));
    for (const { id, hostId, lanes = {}, held } of targets) if (held) this.#held.set(id, { id, hostId, lanes });
    const sent = targets.filter(({ held }) => !held).sort((left, right) => (left.releasedAt ?? 0) - (right.releasedAt ?? 0));
    for (const { id, hostId, lanes = {}, releasedAt = 0 } of sent) this.#send({ id, hostId, lanes, releasedAt });
    // Until the job stops, who is skipped was never to be sent.
    const ended = Object.entries(counts).reduce((sum, [outcome, count]) => (outcome === '' || outcome === 'skipped' ? sum : sum + count), 0);
    this.#released = sent.length + ended;
  }

  get held(): ReadonlyMap<string, HeldTarget> {
    return this.#held;
  }

  isOpen(id: string): boolean {
    return this.#held.has(id) || this.#sent.has(id);
  }

  /** In flight. */
  get running(): number {
    return this.#sent.size;
  }

  /** Since the job began. */
  get released(): number {
    return this.#released;
  }

  get failures(): number {
    return this.#failures;
  }

  runningIn(label: string, value: string): number {
    return this.#inLane.get(laneKey(label, value)) ?? 0;
  }

  /** A target as it was stored. Telling it twice changes nothing. */
  see({ id, hostId, outcome, held, releasedAt = 0 }: Pick<JobTarget, 'id' | 'hostId' | 'outcome' | 'held' | 'releasedAt'>): void {
    if (outcome !== undefined) this.#end(id, outcome);
    else if (!held) this.#release(id, hostId, releasedAt);
  }

  sentBefore(time: number): readonly SentTarget[] {
    return [...this.#sent.values()].filter(({ releasedAt }) => releasedAt <= time);
  }

  /** Undefined while nothing is in flight. */
  get sentFirstAt(): number | undefined {
    return this.#sent.values().next().value?.releasedAt;
  }

  #release(id: string, hostId: string, releasedAt: number): void {
    const target = this.#held.get(id);
    if (!target) return;
    this.#held.delete(id);
    this.#released += 1;
    this.#send({ ...target, hostId, releasedAt });
  }

  #end(id: string, outcome: OutcomeWord): void {
    const sent = this.#sent.get(id);
    if (sent) for (const [label, value] of Object.entries(sent.lanes)) this.#inLane.set(laneKey(label, value), this.runningIn(label, value) - 1);
    const isKnown = this.#sent.delete(id) || this.#held.delete(id);
    if (isKnown && !harmless.includes(outcome)) this.#failures += 1;
  }

  #send(target: SentTarget): void {
    this.#sent.set(target.id, target);
    for (const [label, value] of Object.entries(target.lanes)) this.#inLane.set(laneKey(label, value), this.runningIn(label, value) + 1);
  }
}

export function laneKey(label: string, value: string): string {
  return `${label}=${value}`;
}
