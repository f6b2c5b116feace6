import { expect, type Check } from '../check.js';

export const concurrentCreates: Check = {
  name: 'concurrent-creates',
  promise: '20 creations at once make 20 machines',
  advice: 'Calls for different hosts come at once. What they share (addresses, names, files) is taken under a lock.',
  needs: ({ options: { machines = 20 } }) => (machines < 2 ? 'the provider has room for one machine' : undefined),
  async run(context) {
    const specs = await context.specs(Math.min(20, context.machinesAtOnce));
    const subject = await context.subject();
    const outcomes = await Promise.allSettled(specs.map(async (spec) => await subject.create(spec)));
    await context.settled();
    const listed = await subject.listOf(...specs);
    await subject.destroy(...listed);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    expect(failed === undefined, String((failed?.reason as Error | undefined)?.message));
    expect(new Set(listed.map(({ machineId }) => machineId)).size === specs.length, `${listed.length} machines are listed for ${specs.length} keys`);
    return specs.length === 20 ? undefined : `with ${specs.length}`;
  },
};
