import { setImmediate } from 'node:timers/promises';
import { backoffMs, startTimer, WombatError, type Clock } from '@wombat/proto';
import type { Log } from './ports.js';

export interface ControllerOptions {
  /** For the log. */
  readonly name: string;
  /**
   * Brings one object closer to what is wanted; idempotent. Answers when to look again, if there
   * is something to wait for; what throws is tried again with backoff.
   */
  readonly reconcile: (id: string, signal: AbortSignal) => Promise<number | void>;
  /** Every id worth a look: what the slow sweep goes over. */
  readonly all: () => Promise<readonly string[]>;
  readonly clock: Clock;
  readonly log: Log;
  /** Objects in work at once. @default 16 */
  readonly concurrency?: number;
  /** Wake-ups of one object within this time are answered by one look. @default 0 */
  readonly gatherMs?: number;
  /** Some a little earlier, some a little later; less often where there are thousands. @default 30000 */
  readonly sweepEveryMs?: number;
  /** @default Math.random */
  readonly random?: () => number;
}

const retry = { initialMs: 250, maximumMs: 30_000 };
const longestDelayMs = 3_600_000;
/** A sweep only finds what was lost on the way. With 10,000 hosts one every 30 s would take 7% of a core for each controller of hosts. */
const sweepEachMs = 12;

/**
 * Drives objects by id: a queue that holds each id once, never two looks at one object at the same
 * time, a wake-up during a look leads to another look afterwards.
 */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #queue = new Set<string>();
  readonly #working = new Map<string, Promise<void>>();
  readonly #wokenMeanwhile = new Set<string>();
  readonly #timers = new Map<string, { readonly dueAtMs: number; readonly cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  readonly #stop = new AbortController();
  #cancelSweep: () => void = () => undefined;
  #sweptCount = 0;

  constructor(options: ControllerOptions) {
    this.#options = options;
  }

  /** Looks at everything once, then on wake-ups and on every sweep. */
  async start(): Promise<void> {
    await this.#sweep();
    this.#sweepLater();
  }

  wake(id: string, delayMs = this.#options.gatherMs ?? 0): void {
    if (this.#stop.signal.aborted || this.#queue.has(id)) return;
    if (this.#working.has(id)) {
      this.#wokenMeanwhile.add(id);
      return;
    }
    if (delayMs <= 0) {
      this.#clearTimer(id);
      this.#queue.add(id);
      this.#pump();
    } else {
      this.#later(id, delayMs);
    }
  }

  /** Ends what is under way and resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#stop.abort(new WombatError('WO_UNAVAILABLE', 'the coordinator stops'));
    this.#cancelSweep();
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#queue.clear();
    await Promise.allSettled(this.#working.values());
  }

  #sweepLater(): void {
    if (this.#stop.signal.aborted) return;
    const { clock, random = Math.random, sweepEveryMs = 30_000 } = this.#options;
    const everyMs = Math.max(sweepEveryMs, this.#sweptCount * sweepEachMs);
    this.#cancelSweep = startTimer(clock, everyMs * (0.9 + 0.2 * random()), () => void this.#sweep().finally(() => this.#sweepLater()));
  }

  async #sweep(): Promise<void> {
    try {
      const ids = await this.#options.all();
      this.#sweptCount = ids.length;
      for (const id of ids) this.wake(id, 0);
    } catch (error) {
      this.#options.log.error({ controller: this.#options.name, err: error }, 'the sweep failed');
    }
  }

  #pump(): void {
    for (const id of this.#queue) {
      if (this.#working.size >= (this.#options.concurrency ?? 16)) return;
      this.#queue.delete(id);
      this.#working.set(id, this.#work(id));
    }
  }

  async #work(id: string): Promise<void> {
    // The map must know of this work before it can end. And a look need not wait for anything outside: without
    // a turn for others, a sweep over thousands of objects would hold up every session for as long as it takes.
    await setImmediate();
    if (this.#stop.signal.aborted) return void this.#working.delete(id);
    let againInMs: number | void = undefined;
    try {
      againInMs = await this.#options.reconcile(id, this.#stop.signal);
      this.#failures.delete(id);
    } catch (error) {
      againInMs = this.#failed(id, error);
    }
    this.#working.delete(id);
    if (this.#stop.signal.aborted) return;
    if (this.#wokenMeanwhile.delete(id)) this.wake(id);
    else if (againInMs !== undefined) this.#later(id, againInMs);
    this.#pump();
  }

  #failed(id: string, error: unknown): number {
    const failures = this.#failures.get(id) ?? 0;
    this.#failures.set(id, failures + 1);
    const delayMs = backoffMs(failures, retry, this.#options.random);
    // Somebody else wrote the object first: normal, looked at again at once.
    const conflict = WombatError.is(error) && error.code === 'WO_CONFLICT';
    if (conflict) return Math.min(delayMs, 50);
    if (!this.#stop.signal.aborted) {
      this.#options.log.warn({ controller: this.#options.name, id, err: error, retryInMs: delayMs }, 'reconciling failed');
    }
    return delayMs;
  }

  /** The earlier of two wishes counts. */
  #later(id: string, wantedMs: number): void {
    // Timers of Node fire at once past 24 days; looking early does no harm.
    const delayMs = Math.min(wantedMs, longestDelayMs);
    const dueAtMs = this.#options.clock.monotonic() + delayMs;
    if ((this.#timers.get(id)?.dueAtMs ?? Infinity) <= dueAtMs) return;
    this.#clearTimer(id);
    const cancel = startTimer(this.#options.clock, delayMs, () => {
      this.#timers.delete(id);
      this.wake(id, 0);
    });
    this.#timers.set(id, { dueAtMs, cancel });
  }

  #clearTimer(id: string): void {
    this.#timers.get(id)?.cancel();
    this.#timers.delete(id);
  }
}
