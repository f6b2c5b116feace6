import { Outcome } from '@wombat/proto/agent';
import type { JobTarget } from '@wombat/proto/control';
import { cut } from '../../output/cut.js';
import { elapsed } from '../../output/time.js';
import { count } from '../../output/words.js';
import type { Runtime } from '../../runtime.js';
import { isLive } from '../../terminal/io.js';

/** A job that is over sooner needs none. */
const shownAfterMs = 1_500;
const frameMs = 200;
const barColumns = 20;

/** "█████░░░░░ 3 of 6 targets, 1 failed, 1.5/s  2.0s" at the end of a terminal, written over; nothing elsewhere. */
export class Meter {
  readonly #runtime: Runtime;
  readonly #total: number;
  readonly #startedAt: number;
  readonly #timer: NodeJS.Timeout | undefined;
  #done = 0;
  #failed = 0;
  #isPaused = false;
  #isDirty = false;

  constructor(runtime: Runtime, total: number) {
    this.#runtime = runtime;
    this.#total = total;
    this.#startedAt = runtime.clock.monotonic();
    if (runtime.flags.quiet || !isLive(runtime.io.stderr, runtime.io.env)) return;
    this.#timer = setInterval(() => this.#draw(), frameMs);
    this.#timer.unref();
  }

  ended({ outcome }: JobTarget): void {
    this.#done += 1;
    if (outcome !== Outcome.OK && outcome !== Outcome.SKIPPED) this.#failed += 1;
  }

  /** Before anything else is written; it comes back by itself. */
  clear(): void {
    if (this.#isDirty) this.#runtime.io.stderr.write('\r\x1b[K');
    this.#isDirty = false;
  }

  /** Leaves the terminal to a question. */
  async paused<T>(question: () => Promise<T>): Promise<T> {
    this.clear();
    this.#isPaused = true;
    try {
      return await question();
    } finally {
      this.#isPaused = false;
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.clear();
  }

  #draw(): void {
    const { clock, io, print } = this.#runtime;
    const tookMs = clock.monotonic() - this.#startedAt;
    if (this.#isPaused || tookMs < shownAfterMs) return;
    const filled = this.#total > 0 ? Math.min(barColumns, Math.floor((barColumns * this.#done) / this.#total)) : 0;
    const failed = this.#failed > 0 ? `, ${this.#failed} failed` : '';
    const bar = `${'█'.repeat(filled)}${'░'.repeat(barColumns - filled)}`;
    const text = `${bar} ${this.#done} of ${count(this.#total, 'target')}${failed}, ${rate(this.#done, tookMs)}/s  ${elapsed(tookMs)}`;
    io.stderr.write(`\r\x1b[K${print.err.dim(cut(text, (io.stderr.columns || 80) - 1))}`);
    this.#isDirty = true;
  }
}

function rate(done: number, tookMs: number): string {
  const each = (done * 1000) / tookMs;
  return each < 10 ? each.toFixed(1) : String(Math.round(each));
}
