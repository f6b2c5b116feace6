import type { WombatError } from '@wombat/proto';
import type { Assignment, ExecOutcome, Facts, Hello, NodeStatus, OutcomeRef } from '@wombat/proto/agent';
import type { FleetListener } from '../fleet.js';
import { Mailbox } from './mailbox.js';

export type Heard =
  | { readonly kind: 'connected'; readonly hostId: string; readonly hello: Hello }
  | { readonly kind: 'silent'; readonly hostId: string; readonly reason: string; readonly unheardMs: number }
  | { readonly kind: 'facts'; readonly hostId: string; readonly facts: Facts }
  | { readonly kind: 'statuses'; readonly hostId: string; readonly statuses: readonly NodeStatus[]; readonly isComplete: boolean }
  | { readonly kind: 'outcomes'; readonly hostId: string; readonly outcomes: readonly ExecOutcome[] }
  | { readonly kind: 'undeliverable'; readonly hostId: string; readonly nodeId: string; readonly error: WombatError }
  | { readonly kind: 'duplicate'; readonly hostId: string; readonly holderPeer: string; readonly refusedPeer: string };

type HeardOf<K extends Heard['kind']> = Extract<Heard, { kind: K }>;

/** Writes down what it hears, answers with what it was given, and can be held or made to fail. */
export class RecordingListener implements FleetListener {
  readonly heard = new Mailbox<Heard>();
  readonly assignments = new Map<string, readonly Assignment[]>();
  /** Awaited before each answer. */
  gate: (heard: Heard) => Promise<void> = async () => undefined;
  /** Calls of one host that ran at the same time, at most. */
  maximumAtOnce = 0;
  readonly #running = new Map<string, number>();

  next<K extends Heard['kind']>(kind: K, hostId?: string): Promise<HeardOf<K>> {
    const fits = (heard: Heard): heard is HeardOf<K> => heard.kind === kind && (hostId === undefined || heard.hostId === hostId);
    return this.heard.take(`${kind} ${hostId ?? ''}`, fits);
  }

  count(kind: Heard['kind']): number {
    return this.heard.all.filter((heard) => heard.kind === kind).length;
  }

  async onConnected(hostId: string, hello: Hello): Promise<readonly Assignment[]> {
    await this.#hear({ kind: 'connected', hostId, hello });
    return this.assignments.get(hostId) ?? [];
  }

  onSilent(hostId: string, reason: string, unheardMs: number): Promise<void> {
    return this.#hear({ kind: 'silent', hostId, reason, unheardMs });
  }

  onFacts(hostId: string, facts: Facts): Promise<void> {
    return this.#hear({ kind: 'facts', hostId, facts });
  }

  onStatus(hostId: string, statuses: readonly NodeStatus[], isComplete: boolean): Promise<void> {
    return this.#hear({ kind: 'statuses', hostId, statuses, isComplete });
  }

  async onExecOutcomes(hostId: string, outcomes: readonly ExecOutcome[]): Promise<readonly OutcomeRef[]> {
    await this.#hear({ kind: 'outcomes', hostId, outcomes });
    return outcomes.map(({ jobId, targetId }) => ({ jobId, targetId }));
  }

  onUndeliverable(hostId: string, { nodeId }: Assignment, error: WombatError): Promise<void> {
    return this.#hear({ kind: 'undeliverable', hostId, nodeId, error });
  }

  onDuplicateIdentity(hostId: string, holderPeer: string, refusedPeer: string): Promise<void> {
    return this.#hear({ kind: 'duplicate', hostId, holderPeer, refusedPeer });
  }

  async #hear(heard: Heard): Promise<void> {
    const running = (this.#running.get(heard.hostId) ?? 0) + 1;
    this.#running.set(heard.hostId, running);
    this.maximumAtOnce = Math.max(this.maximumAtOnce, running);
    this.heard.push(heard);
    try {
      await this.gate(heard);
    } finally {
      this.#running.set(heard.hostId, running - 1);
    }
  }
}
