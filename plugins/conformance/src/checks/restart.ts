import { expect, type Check } from '../check.js';

export const restart: Check = {
  name: 'restart',
  promise: 'started again, it lists and destroys the machines that were made before',
  advice: 'Lists come from the provider, or from records in the data directory, never from memory.',
  async run(context) {
    const spec = await context.spec();
    const before = await context.subject();
    const made = await before.create(spec);
    await context.settled();
    await context.site.end();
    const after = await context.subject();
    const listed = await after.listOf(spec);
    await after.destroy(made);
    expect(listed.length === 1 && listed[0]!.machineId === made.machineId, `the list shows ${listed.length} machines for its key`);
    expect(listed[0]!.hostId === spec.hostId, 'the machine has lost the id of its host');
  },
};
