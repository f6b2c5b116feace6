import type { Bounds } from '../bounds.js';
import { expect, type Check } from '../check.js';

/** What is needed of a run of any plugin. */
interface Stoppable {
  readonly bounds: Bounds;
  readonly site: { end(): Promise<{ readonly how: string; readonly tookMs: number } | undefined> };
  subject(): Promise<unknown>;
}

export const gracefulStop: Check<Stoppable, unknown> = {
  name: 'graceful-stop',
  promise: 'ends within 5 s, with code 0, once its standard input is closed',
  advice: 'Read standard input to its end; close what is open, and exit.',
  async run(context) {
    await context.subject();
    const ended = await context.site.end();
    expect(ended?.how === 'exited with code 0', `it ${ended?.how}`);
    expect(ended.tookMs <= context.bounds.stopMs, `it took ${Math.round(ended.tookMs)} ms`);
    return `${Math.round(ended.tookMs)} ms`;
  },
};
