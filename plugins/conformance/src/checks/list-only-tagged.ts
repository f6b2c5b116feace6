import { tagNames } from '@wombat/plugin-sdk';
import { expect, type Check } from '../check.js';

export const listOnlyTagged: Check = {
  name: 'list-only-tagged',
  promise: 'lists show the machines of the cluster that it was configured for, and no others',
  advice: 'Ask the provider for the tag `wombat-cluster` with the id that Configure brought.',
  async run(context) {
    const others = context.newSite();
    const ours = await context.subject();
    const theirs = await others.subject();
    const specs = await context.specs(2);
    const made = [await ours.create(specs[0]!), await theirs.create(specs[1]!)];
    await context.settled();
    const shown = [await ours.list(), await theirs.list()];
    await ours.destroy(made[0]!);
    await theirs.destroy(made[1]!);
    await others.end();
    for (const [index, list] of shown.entries()) {
      const { clusterId } = [ours, theirs][index]!;
      const stranger = list.find(({ tags }) => tags[tagNames.cluster] !== clusterId);
      expect(stranger === undefined, `the list shows ${stranger?.machineId}, which does not carry the tag of the cluster`);
      expect(list.some(({ key }) => key === specs[index]!.key), 'the list does not show the machine of its own cluster');
    }
  },
};
