import { Host, HostServiceService, ListHostsRequest } from '@wombat/proto/control';
import { defineCommand } from '../../command.js';
import { allPages, filterOf } from '../../control/paging.js';
import { flag, oneOf, text } from '../../options.js';
import { byName } from '../../output/by-name.js';
import { listOptions } from '../common.js';
import { hostColumns } from './view.js';

const phases = ['requested', 'creating', 'booting', 'up', 'unknown', 'lost', 'draining', 'destroying', 'gone', 'failed'] as const;

export const hostList = defineCommand({
  description: 'Every host with its phase, its nodes, and the newest sample of its load.',
  examples: [
    { command: 'wo host list', explanation: 'all that are there' },
    { command: 'wo host list --provider "My EC2 Account" --phase up -o name', explanation: 'names of those of one provider that work' },
  ],
  arguments: {},
  options: {
    provider: text('--provider <provider>', 'of this provider', 'provider'),
    phase: oneOf('--phase <phase>', `one of ${phases.join(', ')}`, phases),
    all: flag('-a, --all', 'also those that are gone'),
    ...listOptions,
  },
  async run(runtime, _, { provider, phase, all, limit, orderBy }) {
    const control = await runtime.control();
    const items = await allPages(async (page) => {
      const answer = await control.call(HostServiceService.listHosts, ListHostsRequest.fromPartial({ page, includeGone: all || phase === 'gone' }));
      return { items: answer.hosts, page: answer.page };
    }, { filter: filterOf({ provider, phase }), ...(limit && { limit }), ...(orderBy && { orderBy }) });
    await runtime.print.list({
      items: orderBy ? items : byName(items), columns: hostColumns(runtime.clock.now()), key: 'hosts', toJson: Host.toJSON,
      nothing: 'no such hosts; deploy-nodes starts them where they are needed',
    });
  },
});
