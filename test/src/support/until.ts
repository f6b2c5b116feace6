import { setTimeout as sleep } from 'node:timers/promises';

export interface Patience {
  /** @default 30000 */
  readonly withinMs?: number;
  /** @default 50 */
  readonly everyMs?: number;
}

/** What a probe answers while it is not so yet: what it saw. */
export class NotYet {
  constructor(readonly seen: unknown) {}
}

export function notYet(seen: unknown): NotYet {
  return new NotYet(seen);
}

/**
 * Asks again until the probe answers something else than `notYet(...)`.
 *
 * @throws Error that tells what was waited for, and what was seen last
 */
export async function until<T>(what: string, probe: () => Promise<T | NotYet> | T | NotYet, { withinMs = 30_000, everyMs = 50 }: Patience = {}): Promise<T> {
  const end = performance.now() + withinMs;
  for (;;) {
    const answer = await probe();
    if (!(answer instanceof NotYet)) return answer;
    if (performance.now() > end) throw new Error(`after ${withinMs / 1_000} s it is still not so that ${what}; seen last: ${describe(answer.seen)}`);
    await sleep(everyMs);
  }
}

function describe(seen: unknown): string {
  return typeof seen === 'string' ? seen : JSON.stringify(seen, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}
