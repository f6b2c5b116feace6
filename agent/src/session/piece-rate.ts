import type { Clock } from '@wombat/proto';

/** So many pieces of output in so long: a coordinator reads 500 frames a second of one agent, and outcomes stand behind them. */
const pieces = 20;
const periodMs = 100;

/** How many pieces of what commands write are sent, whatever number of them runs. */
export class PieceRate {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #sinceMs = -Infinity;
  #taken = 0;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Whether one more may be sent now. */
  allows(): boolean {
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#sinceMs >= periodMs) [this.#sinceMs, this.#taken] = [nowMs, 0];
    this.#taken += 1;
    return this.#taken <= pieces;
  }
}
