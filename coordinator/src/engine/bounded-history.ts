import type { Clock } from '@wombat/proto';
import type { NewEvent } from '../domain/model/event.js';
import type { Store, Transaction } from '../store/store.js';
import type { Log } from './ports.js';

export interface BoundedHistoryOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

/** What a node or a host may go through in a window, each told; a start takes six events, a restart eight. */
export const toldInWindow = 60;
export const windowMs = 60_000;
const everyMs = 5_000;

/** Of one node, or one host. */
interface Window {
  readonly sinceMs: number;
  told: number;
  /** How many were left out, and the last of them: the state that is to be seen in the end. */
  left: number;
  last?: NewEvent;
}

/**
 * Keeps what flaps from filling the history. The first events of a window are told as they come, those behind
 * them in one at its end, which bears what the last of them said. The objects themselves always have their true state.
 */
export class BoundedHistory {
  readonly #options: BoundedHistoryOptions;
  readonly #windows = new Map<string, Window>();
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: BoundedHistoryOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run(this.#stop.signal);
  }

  /** What was left out is told before. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#closeWindows(Infinity);
  }

  async append(transaction: Transaction, event: NewEvent): Promise<void> {
    const window = this.#windowOf(event.subjectId);
    if (window.told < toldInWindow) {
      window.told += 1;
      await transaction.events.append(event);
      return;
    }
    window.left += 1;
    window.last = event;
  }

  /** Tells what was left out in windows that are over, and forgets them. */
  async closeWindows(): Promise<void> {
    await this.#closeWindows(this.#options.clock.monotonic() - windowMs);
  }

  /** One that has left something out stays open until that is told, so that the last state comes last. */
  #windowOf(subjectId: string): Window {
    const nowMs = this.#options.clock.monotonic();
    const current = this.#windows.get(subjectId);
    if (current && (current.left > 0 || nowMs - current.sinceMs < windowMs)) return current;
    const fresh: Window = { sinceMs: nowMs, told: 0, left: 0 };
    this.#windows.set(subjectId, fresh);
    return fresh;
  }

  async #closeWindows(begunBeforeMs: number): Promise<void> {
    const over = [...this.#windows].filter(([, { sinceMs }]) => sinceMs <= begunBeforeMs);
    for (const [subjectId, { left }] of over) if (left === 0) this.#windows.delete(subjectId);
    const flapping = over.filter(([, { left }]) => left > 0);
    if (flapping.length === 0) return;
    const told = this.#options.store.transaction(async (transaction) => {
      // Nobody else writes meanwhile, so what is told here is all that was left out.
      await transaction.events.append(...flapping.map(([, window]) => summary(window)));
      for (const [subjectId] of flapping) this.#windows.delete(subjectId);
    });
    await told.catch((error: unknown) => {
      // To be told later, unless more has happened since.
      for (const [subjectId, window] of flapping) if (!this.#windows.has(subjectId)) this.#windows.set(subjectId, window);
      throw error;
    });
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.closeWindows();
      } catch (error) {
        this.#options.log.warn({ err: error }, 'what flaps could not be told');
      }
      await this.#options.clock.sleep(everyMs, signal).catch(() => undefined);
    }
  }
}

function summary({ left, last }: Window): NewEvent {
  const event = last!;
  if (left === 1) return event;
  return { ...event, message: `${event.message} … and ${left - 1} more in the last minute`, payload: { ...event.payload, leftOut: left - 1 } };
}
