import { systemClock } from '@wombat/proto';
import { ProviderServiceService as methods } from '@wombat/proto/plugin';
import { expect, type Check } from '../check.js';

/** That are taken back, each at another moment. */
const creations = 3;

export const abort: Check = {
  name: 'abort',
  promise: 'when calls are taken back it answers others within 1 s, and leaves nothing untagged',
  advice: 'Stop when the signal fires, between steps that leave no machine without its tags. A creation that was taken back is asked for again with the same key.',
  needs: ({ options: { machines = creations } }) => (machines < 2 ? 'the provider has room for one machine' : undefined),
  async run(context) {
    const subject = await context.subject();
    const [first, ...specs] = await context.specs(Math.min(creations + 1, context.machinesAtOnce));
    const isGiven = context.options.inventory !== undefined;
    const before = new Set(await context.options.inventory?.());
    const startedAt = performance.now();
    await subject.create(first!);
    const usualMs = performance.now() - startedAt;
    await Promise.all(specs.map(async (spec, index) => {
      const given = new AbortController();
      const creation = subject.create(spec, given.signal).catch(() => undefined);
      await systemClock.sleep((index * usualMs) / creations);
      given.abort(new Error('taken back'));
      await creation;
    }));
    const abortedAt = performance.now();
    await subject.call(methods.describeProvider, {});
    const tookMs = performance.now() - abortedAt;

    await context.settled();
    await Promise.all(specs.map(async (spec) => await subject.create(spec)));
    await context.settled();
    const listed = await subject.listOf(first!, ...specs);
    const known = new Set(listed.map(({ machineId }) => machineId));
    const untagged = (await context.options.inventory?.() ?? []).filter((id) => !before.has(id) && !known.has(id));
    await subject.destroy(...listed);
    expect(tookMs <= context.bounds.abortMs, `the next call was answered after ${Math.round(tookMs)} ms`);
    expect(listed.length === specs.length + 1, `${listed.length} machines for ${specs.length + 1} keys`);
    expect(untagged.length === 0, `at the provider are machines without tags: ${untagged.join(', ')}`);
    return isGiven ? undefined : 'without a look at the provider itself';
  },
};
