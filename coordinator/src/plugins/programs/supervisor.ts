import { backoffMs, orAborted, systemClock, type Clock } from '@wombat/proto';
import { ProviderError } from '@wombat/plugin-sdk';
import type { ProgramSession } from '@wombat/plugin-sdk/host';

export interface SupervisorTimes {
  /** Between the end of a program and its next start; doubled with each. @default 250 ms */
  readonly firstDelayMs: number;
  /** @default 10 s */
  readonly longestDelayMs: number;
  /** A program that lived this long has not crashed at once. @default 60 s */
  readonly stableMs: number;
  /** How long a program that crashes again and again is left alone. @default 60 s */
  readonly breakMs: number;
  /** Between questions of its health. @default 10 s */
  readonly healthEveryMs: number;
}

export const supervisorTimes: SupervisorTimes = { firstDelayMs: 250, longestDelayMs: 10_000, stableMs: 60_000, breakMs: 60_000, healthEveryMs: 10_000 };

/** Ends in a row that open the breaker. */
export const crashesUntilBreak = 5;

export interface SupervisorOptions {
  /** Starts the program and makes it ready for calls. */
  readonly open: () => Promise<ProgramSession>;
  /** What could not be opened, in words that may be shown. */
  readonly toReason: (error: unknown) => string;
  /** The program has ended, or could not be started. */
  readonly onCrash: (reason: string) => void;
  /** The breaker has opened; told once until a program has lived for a while again. */
  readonly onBreak: (reason: string) => void;
  readonly times?: Partial<SupervisorTimes>;
  /** @default the system's */
  readonly clock?: Clock;
}

interface Attempt {
  readonly session: Promise<ProgramSession>;
  settle(outcome: ProgramSession | Error): void;
  isSettled(): boolean;
}

/**
 * Keeps the program of one provider, or of a strategy, running: starting -> serving -> (ended) -> waiting -> starting. After five
 * ends in a row it is left alone for a while (broken), then tried once; calls fail at once meanwhile.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #times: SupervisorTimes;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  #attempt = newAttempt();
  #current: ProgramSession | undefined;
  #trouble: string | undefined;
  #running: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#times = { ...supervisorTimes, ...options.times };
    this.#clock = options.clock ?? systemClock;
  }

  /** Why the program is left alone. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** @throws ProviderError when the program cannot be started, or is left alone for now */
  async session(signal: AbortSignal): Promise<ProgramSession> {
    if (this.#isClosing) throw closed();
    if (this.#trouble !== undefined) throw ProviderError.unavailable(this.#trouble);
    return await orAborted(this.#attempt.session, signal);
  }

  /** It did not answer in time: it is ended with all that it started, and started again. */
  hangs(): void {
    const session = this.#current;
    if (!session) return;
    this.#current = undefined;
    // Calls that come meanwhile wait for the next process.
    this.#attempt = newAttempt();
    void session.kill();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#attempt.settle(closed());
    await this.#current?.end();
    await this.#running;
  }

  async #run(): Promise<void> {
    let crashes = 0;
    let isTold = false;
    while (!this.#isClosing) {
      const startedAt = this.#clock.monotonic();
      const reason = await this.#live();
      if (this.#isClosing) return;
      if (this.#clock.monotonic() - startedAt >= this.#times.stableMs) [crashes, isTold] = [0, false];
      crashes += 1;
      this.#options.onCrash(reason);
      if (crashes < crashesUntilBreak) {
        await this.#wait(backoffMs(crashes - 1, { initialMs: this.#times.firstDelayMs, maximumMs: this.#times.longestDelayMs }));
        continue;
      }
      await this.#break(reason, isTold);
      isTold = true;
    }
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  /** One life of the program; answers how it ended. */
  async #live(): Promise<string> {
    try {
      const session = await this.#options.open();
      this.#current = session;
      if (this.#isClosing) await session.end();
      this.#attempt.settle(session);
      this.#trouble = undefined;
      const looking = this.#watch(session);
      const how = `its program ${await session.exited}`;
      clearInterval(looking);
      return how;
    } catch (error) {
      this.#attempt.settle(ProviderError.from(error));
      return this.#options.toReason(error);
    } finally {
      this.#current = undefined;
      if (this.#attempt.isSettled()) this.#attempt = newAttempt();
    }
  }

  #watch(session: ProgramSession): NodeJS.Timeout {
    return setInterval(() => void session.checkHealth().catch(() => this.hangs()), this.#times.healthEveryMs).unref();
  }

  async #break(reason: string, isTold: boolean): Promise<void> {
    const { breakMs } = this.#times;
    this.#trouble = `it failed ${crashesUntilBreak} times in a row and is left alone for ${Math.ceil(breakMs / 1_000)} s; the last time: ${reason}`;
    if (!isTold) this.#options.onBreak(this.#trouble);
    await this.#wait(breakMs);
  }

  async #wait(delayMs: number): Promise<void> {
    await this.#clock.sleep(delayMs, this.#closing.signal).catch(() => undefined);
  }
}

function closed(): ProviderError {
  return ProviderError.unavailable('the plugin is being closed');
}

function newAttempt(): Attempt {
  let settle!: Attempt['settle'];
  let isSettled = false;
  const session = new Promise<ProgramSession>((resolve, reject) => {
    settle = (outcome) => {
      isSettled = true;
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    };
  });
  // Nobody need be waiting.
  session.catch(() => undefined);
  return { session, settle, isSettled: () => isSettled };
}
