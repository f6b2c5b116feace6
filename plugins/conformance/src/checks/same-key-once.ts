import { expect, type Check } from '../check.js';

export const sameKeyOnce: Check = {
  name: 'same-key-once',
  promise: 'created twice with one key there is one machine',
  advice: 'Look for the tag `wombat-key` before a machine is made, and answer the one that carries it.',
  async run(context) {
    const subject = await context.subject();
    const spec = await context.spec();
    const first = await subject.create(spec);
    await context.settled();
    const second = await subject.create(spec);
    await context.settled();
    const listed = await subject.listOf(spec);
    await subject.destroy(...listed);
    expect(first.machineId === second.machineId, `the answers name ${first.machineId} and ${second.machineId}`);
    expect(listed.length === 1, `${listed.length} machines carry the key`);
  },
};
