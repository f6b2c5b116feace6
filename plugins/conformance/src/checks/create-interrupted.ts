import { systemClock } from '@wombat/proto';
import { expect, type Check } from '../check.js';

const machines = 6;

export const createInterrupted: Check = {
  name: 'create-interrupted',
  promise: 'killed in the middle of creations, and asked again with the same keys, there is one machine for each',
  advice: 'What exists is known by tags at the provider, never by memory: a machine has its tags from the moment that it exists, or a record that stands before it.',
  needs: ({ options: { machines: room = machines } }) => (room < 2 ? 'the provider has room for one machine' : undefined),
  async run(context) {
    const specs = await context.specs(Math.min(machines, context.machinesAtOnce));
    const subject = await context.subject();
    const startedAt = performance.now();
    await subject.create(specs[0]!);
    const usualMs = performance.now() - startedAt;
    // One after another, so that the program dies in another moment of each; the first is there, but nobody has heard of it.
    const creations = specs.slice(1).map(async (spec, index) => {
      await systemClock.sleep((index * usualMs) / machines);
      await subject.create(spec);
    });
    const over = Promise.allSettled(creations);
    await creations[0];
    await context.site.kill();
    await over;

    await context.settled();
    const next = await context.subject();
    await Promise.all(specs.map(async (spec) => await next.create(spec)));
    await context.settled();
    const listed = await next.listOf(...specs);
    await next.destroy(...listed);
    const doubled = specs.filter(({ key }) => listed.filter((machine) => machine.key === key).length !== 1);
    expect(doubled.length === 0, `${listed.length} machines for ${specs.length} keys`);
  },
};
