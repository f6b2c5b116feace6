import { ListProvidersRequest, Provider, ProviderServiceService } from '@wombat/proto/control';
import { defineCommand } from '../../command.js';
import { allPages, filterOf } from '../../control/paging.js';
import { text } from '../../options.js';
import { listOptions } from '../common.js';
import { providerColumns } from './view.js';

export const providerList = defineCommand({
  description: 'Every provider with its driver and what the last verification said.',
  examples: [
    { command: 'wo provider list', explanation: 'all of them' },
    { command: 'wo provider list --driver amazon-ec2 -o json', explanation: 'those of one driver, for a program' },
  ],
  arguments: {},
  options: { driver: text('--driver <name>', 'of this driver only', 'driver'), ...listOptions },
  async run(runtime, _, { driver, limit, orderBy }) {
    const control = await runtime.control();
    const items = await allPages(async (page) => {
      const answer = await control.call(ProviderServiceService.listProviders, ListProvidersRequest.fromPartial({ page }));
      return { items: answer.providers, page: answer.page };
    }, { filter: filterOf({ driver }), ...(limit && { limit }), ...(orderBy && { orderBy }) });
    await runtime.print.list({
      items, columns: providerColumns(runtime.clock.now()), key: 'providers', toJson: Provider.toJSON,
      nothing: 'no providers yet; begin with: wo register-provider local local',
    });
  },
});
