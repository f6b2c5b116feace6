import { Family, FamilyServiceService, ListFamiliesRequest } from '@wombat/proto/control';
import { defineCommand } from '../../command.js';
import { allPages, filterOf } from '../../control/paging.js';
import { text } from '../../options.js';
import { listOptions } from '../common.js';
import { familyColumns } from './view.js';

export const familyList = defineCommand({
  description: 'Every family with its release and the state of its cluster. `wo status` also counts the nodes.',
  examples: [
    { command: 'wo family list', explanation: 'all of them' },
    { command: 'wo family list --release rel-k3m2 -o name', explanation: 'names of those that run one release' },
  ],
  arguments: {},
  options: { release: text('--release <release>', 'that name this release', 'release'), ...listOptions },
  async run(runtime, _, { release, limit, orderBy }) {
    const control = await runtime.control();
    const items = await allPages(async (page) => {
      const answer = await control.call(FamilyServiceService.listFamilies, ListFamiliesRequest.fromPartial({ page }));
      return { items: answer.families, page: answer.page };
    }, { filter: filterOf({ release }), ...(limit && { limit }), ...(orderBy && { orderBy }) });
    await runtime.print.list({
      items, columns: familyColumns(runtime.clock.now()), key: 'families', toJson: Family.toJSON,
      nothing: 'no families yet; begin with: wo create-family NAME',
    });
  },
});
