import type { Clock } from '@wombat/proto';
import type { Io } from '../terminal/io.js';

export interface InterruptActions {
  /** First Ctrl-C: say that it goes on, and how to come back. */
  readonly warn: () => void;
  /** Leave it running. */
  readonly detach: () => void;
  /** Ask whether to cancel; true or false is the answer. */
  readonly askToCancel: () => Promise<boolean>;
  readonly cancel: () => Promise<void>;
  /** Third Ctrl-C: leave at once. */
  readonly abandon: () => void;
}

const secondWithinMs = 2_000;

/**
 * Ctrl-C while something runs on the server:
 * `running -1st-> warned -2 s-> detached`, `warned -2nd-> asking -yes-> cancelling, -no-> detached`,
 * and a third one, whenever it comes, abandons. TERM detaches at once: whoever sends it will not wait.
 */
export class Interrupts {
  #count = 0;
  readonly #io: Io;
  readonly #clock: Clock;
  readonly #actions: InterruptActions;
  readonly #second = new AbortController();
  readonly #onInterrupt = (): void => this.#interrupted();
  readonly #onTerminate = (): void => this.#actions.detach();

  constructor(io: Io, clock: Clock, actions: InterruptActions) {
    this.#io = io;
    this.#clock = clock;
    this.#actions = actions;
    io.signals.on('SIGINT', this.#onInterrupt);
    io.signals.on('SIGTERM', this.#onTerminate);
  }

  close(): void {
    this.#io.signals.off('SIGINT', this.#onInterrupt);
    this.#io.signals.off('SIGTERM', this.#onTerminate);
    this.#second.abort();
  }

  #interrupted(): void {
    this.#count += 1;
    if (this.#count === 1) void this.#first();
    else if (this.#count === 2) void this.#again();
    else this.#actions.abandon();
  }

  async #first(): Promise<void> {
    this.#actions.warn();
    try {
      await this.#clock.sleep(secondWithinMs, this.#second.signal);
    } catch {
      return;
    }
    this.#count = 2;
    this.#actions.detach();
  }

  async #again(): Promise<void> {
    this.#second.abort();
    try {
      if (await this.#actions.askToCancel()) await this.#actions.cancel();
      else this.#actions.detach();
    } catch {
      this.#actions.detach();
    }
  }
}
