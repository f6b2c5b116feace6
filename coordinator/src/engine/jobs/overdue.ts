import type { Clock } from '@wombat/proto';
import type { Fleet } from '../../fleet/fleet.js';

export interface OverdueOptions {
  readonly clock: Clock;
  readonly fleet: Pick<Fleet, 'isConnected'>;
  /** Whether the coordinator has just started, so that hosts without a session are expected in a moment. */
  readonly gathersHosts: () => boolean;
}

/** Past its deadline nobody waits for a target whose host has no session: whoever asked is answered in time. */
export const absentMs = 500;
/** A host that has a session gets so long to say how it ended. */
const answerMs = 15_000;
/** Sessions end while others are waited for. */
const againMs = 1_000;

/** When targets that were sent and have not answered are lost. */
export class Overdue {
  readonly #options: OverdueOptions;
  readonly #servesSince: number;

  constructor(options: OverdueOptions) {
    this.#options = options;
    this.#servesSince = options.clock.now();
  }

  /** Those that are lost by now, and in how many milliseconds the others are to be looked at again. */
  among<Target extends { readonly hostId: string }>(targets: readonly Target[], timeoutMs: number, sentAt: (target: Target) => number): { readonly lost: readonly Target[]; readonly leftMs: number } {
    const lost: Target[] = [];
    let leftMs = againMs;
    for (const target of targets) {
      const targetLeftMs = this.#leftMs(target.hostId, sentAt(target), timeoutMs);
      if (targetLeftMs <= 0) lost.push(target);
      else leftMs = Math.min(leftMs, targetLeftMs);
    }
    return { lost, leftMs };
  }

  #leftMs(hostId: string, sentAt: number, timeoutMs: number): number {
    const { clock, fleet, gathersHosts } = this.#options;
    // What has ended while there was no coordinator is told by a host when it comes back.
    if (sentAt < this.#servesSince && gathersHosts()) return againMs;
    return sentAt + timeoutMs + (fleet.isConnected(hostId) ? answerMs : absentMs) - clock.now();
  }
}
