import { clockSkewError, type SteadyClock } from '@wombat/proto';
import type { Store } from '../store/store.js';

export interface ClockWatchOptions {
  readonly store: Store;
  readonly clock: Pick<SteadyClock, 'stepMs' | 'sleep'>;
  readonly onError: (error: unknown) => void;
  /** @default 10 s */
  readonly lookEveryMs?: number;
}

/** Tells when somebody has set the clock of the machine under a running coordinator. */
export class ClockWatch {
  private toldMs = 0;

  constructor(private readonly options: ClockWatchOptions) {}

  /** Looks again and again, until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, onError, lookEveryMs = 10_000 } = this.options;
    while (!signal.aborted) {
      await clock.sleep(lookEveryMs, signal).catch(() => undefined);
      if (!signal.aborted) await this.look().catch(onError);
    }
  }

  async look(): Promise<void> {
    const { stepMs } = this.options.clock;
    // By the minute: a step that is told is not told again because it is a little other.
    if (Math.abs(stepMs - this.toldMs) < 60_000) return;
    await this.options.store.transaction((transaction) => transaction.events.append({
      type: 'coordinator.clock-step', subjectId: '', subjectName: 'coordinator', reason: stepMs === 0 ? 'agrees' : 'WO_CLOCK_SKEW', message: told(stepMs), payload: { stepMs }, payloadVersion: 1,
    }));
    this.toldMs = stepMs;
  }
}

function told(stepMs: number): string {
  if (stepMs === 0) return "the clock of the coordinator's machine agrees with the time that the coordinator keeps again";
  const { message } = clockSkewError("the clock of the coordinator's machine was set: it", stepMs);
  return `${message} own time, by which it goes on; if the new time is the right one, restart the coordinator, else set the clock back`;
}
