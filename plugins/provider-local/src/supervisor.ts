import type { Clock, PluginLog } from '@wombat/plugin-sdk';
import { isRunning } from './agent-starter.js';
import type { HostRecord, HostRecords } from './host-records.js';

export interface SupervisorTimes {
  /** Between two looks at all agents. */
  readonly sweepMs: number;
  /** Before a dead agent is started again; doubles while it dies at once. */
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  /** An agent that lived this long did not die at once. */
  readonly steadyMs: number;
}

export const supervisorTimes: SupervisorTimes = { sweepMs: 1_000, firstDelayMs: 1_000, longestDelayMs: 30_000, steadyMs: 10_000 };

export interface SupervisorOptions {
  readonly records: HostRecords;
  readonly clock: Clock;
  readonly log: PluginLog;
  readonly times: SupervisorTimes;
  /** Something is being done to the host already. */
  readonly isBusy: (hostId: string) => boolean;
  readonly start: (record: HostRecord) => Promise<void>;
}

/** How often the agent of a host died at once, and what follows. Times are monotonic. */
interface Watch {
  isStarting: boolean;
  startedAt: number | undefined;
  deaths: number;
  nextStartAt: number | undefined;
}

/** Keeps agents alive as an init system would: whoever dies without being destroyed is started again. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #watches = new Map<string, Watch>();
  readonly #starts = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Agents that are dead when the coordinator starts are started at once. */
  run(): void {
    this.#loop ??= this.#sweepUntilStopped();
  }

  /** Agents go on without being watched. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the supervision ends'));
    await this.#loop;
  }

  async #sweepUntilStopped(): Promise<void> {
    const { signal } = this.#stopping;
    const { clock, times } = this.#options;
    while (!signal.aborted) {
      this.#sweep();
      await clock.sleep(times.sweepMs, signal).catch(() => undefined);
    }
    await Promise.all(this.#starts);
  }

  #sweep(): void {
    const { records, isBusy } = this.#options;
    const present = records.all().filter(({ desired }) => desired === 'present');
    const known = new Set(present.map(({ hostId }) => hostId));
    for (const hostId of this.#watches.keys()) if (!known.has(hostId)) this.#watches.delete(hostId);
    for (const record of present) {
      const watch = this.#watchOf(record);
      if (watch.isStarting || isBusy(record.hostId)) continue;
      if (isRunning(record)) this.#noteAlive(watch);
      else if (this.#isDue(record, watch)) this.#start(record, watch);
    }
  }

  #watchOf(record: HostRecord): Watch {
    const watch = this.#watches.get(record.hostId) ?? { isStarting: false, startedAt: undefined, deaths: 0, nextStartAt: undefined };
    this.#watches.set(record.hostId, watch);
    return watch;
  }

  #noteAlive(watch: Watch): void {
    watch.startedAt ??= this.#options.clock.monotonic();
    watch.nextStartAt = undefined;
  }

  #isDue(record: HostRecord, watch: Watch): boolean {
    const { clock, times, log } = this.#options;
    const now = clock.monotonic();
    if (watch.nextStartAt === undefined) {
      // Never seen alive by this supervisor: it died while nobody watched.
      if (watch.startedAt === undefined) return true;
      watch.deaths = now - watch.startedAt < times.steadyMs ? watch.deaths + 1 : 1;
      const delayMs = Math.min(times.longestDelayMs, times.firstDelayMs * 2 ** Math.min(watch.deaths - 1, 20));
      watch.nextStartAt = now + delayMs;
      log.warn('an agent has died and is started again', { hostId: record.hostId, delayMs });
    }
    return now >= watch.nextStartAt;
  }

  #start(record: HostRecord, watch: Watch): void {
    const { start, log, clock } = this.#options;
    watch.isStarting = true;
    watch.nextStartAt = undefined;
    const starting = start(record)
      .catch((error: unknown) => log.error('an agent cannot be started', { hostId: record.hostId, error }))
      .finally(() => {
        watch.isStarting = false;
        watch.startedAt = clock.monotonic();
        this.#starts.delete(starting);
      });
    this.#starts.add(starting);
  }
}
