import type { Clock } from '@wombat/proto';

interface Known {
  readonly since: number;
  readonly beganAtMs: number;
}

/**
 * How long objects have been as they are. What went before this process is read off the time that was stored; from then
 * on it is counted by a clock that neither jumps nor runs on while the coordinator itself stands still.
 */
export class Ages {
  readonly #known = new Map<string, Known>();

  constructor(
    private readonly clock: Clock,
    private readonly awakeMs: () => number,
  ) {}

  /** Of an object that is so since then, by the wall clock. */
  ageMs(id: string, since: number): number {
    const known = this.#known.get(id);
    if (known?.since === since) return this.awakeMs() - known.beganAtMs;
    const ageMs = Math.max(0, this.clock.now() - since);
    this.#known.set(id, { since, beganAtMs: this.awakeMs() - ageMs });
    return ageMs;
  }

  forget(id: string): void {
    this.#known.delete(id);
  }
}
