import { liveness, type Clock } from '@wombat/proto';
import type { Host } from '../domain/model/host.js';
import { hasEndedWell, inPhase, presentPhases } from '../domain/states/node-states.js';
import type { Fleet } from '../fleet/fleet.js';
import type { Store, Transaction } from '../store/store.js';
import type { BoundedHistory } from './bounded-history.js';
import { hostPhaseEvent, nodePhaseEvent } from './events.js';

export interface HostSilenceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly fleet: Pick<Fleet, 'isConnected'>;
  readonly history: BoundedHistory;
  /** After the coordinator's own start: agents come back spread over 8 s, and nobody is called silent meanwhile. @default 60000 */
  readonly startGraceMs?: number;
  /** A clock that stands still with the coordinator. @default the monotonic one */
  readonly awakeMs?: () => number;
}

const defaultStartGraceMs = 60_000;

interface Silence {
  /** Of the clock that stands still with the coordinator. */
  readonly sinceMs: number;
  /** Of the wall clock, for what is shown. */
  readonly at: number;
  readonly reason: string;
}

/** Decides when a host without a session is `unknown`: not at once, and not just after the coordinator's start. */
export class HostSilence {
  readonly #options: HostSilenceOptions;
  readonly #awakeMs: () => number;
  readonly #graceUntilMs: number;
  /** Hosts that this process has never seen are not in it. */
  readonly #silent = new Map<string, Silence>();

  constructor(options: HostSilenceOptions) {
    this.#options = options;
    this.#awakeMs = options.awakeMs ?? (() => options.clock.monotonic());
    this.#graceUntilMs = this.#awakeMs() + (options.startGraceMs ?? defaultStartGraceMs);
  }

  /** `unheardMs`: how long it has been waited for already. 0 when its session was ended. */
  fellSilent(hostId: string, reason: string, unheardMs: number): void {
    if (!this.#silent.has(hostId)) this.#silent.set(hostId, { sinceMs: this.#awakeMs() - unheardMs, at: this.#options.clock.now(), reason });
  }

  spoke(hostId: string): void {
    this.#silent.delete(hostId);
  }

  /** For a host that is `up` or `draining`: milliseconds until it has to be looked at again, undefined when there is nothing to wait for. */
  async judge(host: Host): Promise<number | undefined> {
    if (this.#options.fleet.isConnected(host.id)) {
      this.#silent.delete(host.id);
      return undefined;
    }
    const silence = this.#silent.get(host.id);
    const until = silence ? silence.sinceMs + liveness.reconnectGraceMs : this.#graceUntilMs;
    const leftMs = until - this.#awakeMs();
    if (leftMs > 0) return leftMs;
    await this.#options.store.transaction((transaction) => this.#unknown(transaction, host.id, silence));
    return undefined;
  }

  async #unknown(transaction: Transaction, hostId: string, silence: Silence | undefined): Promise<void> {
    const host = await transaction.hosts.get(hostId);
    if (host?.phase !== 'up' && host?.phase !== 'draining') return;
    const now = this.#options.clock.now();
    const isDraining = host.phase === 'draining';
    const reason = `${silence?.reason ?? 'it has not come back since the coordinator was started'}${isDraining ? '; its drain goes on when it comes back' : ''}`;
    const unknown = await transaction.hosts.update({
      ...host, phase: 'unknown', phaseSince: now, silentSince: silence?.at ?? now, waiting: { reason, since: now },
      ...(silence ? { lastSeenAt: silence.at } : {}), ...(isDraining ? { isDraining } : {}),
    });
    await this.#options.history.append(transaction, hostPhaseEvent(unknown, `${host.name} is silent: ${reason}`));
    for (const node of await transaction.nodes.find({ hostId, phase: presentPhases })) {
      // What has not begun, or has ended, is not made uncertain by the silence.
      if (node.phase === 'pending' || node.phase === 'failed' || node.phase === 'unknown' || hasEndedWell(node)) continue;
      const lost = await transaction.nodes.update(inPhase(node, 'unknown', now, { waiting: { reason: `${host.name} is silent`, since: now } }));
      await this.#options.history.append(transaction, nodePhaseEvent(lost));
    }
  }
}
