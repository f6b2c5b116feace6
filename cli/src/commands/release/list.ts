import { ListReleasesRequest, Release, ReleaseServiceService } from '@wombat/proto/control';
import { defineCommand } from '../../command.js';
import { allPages, filterOf } from '../../control/paging.js';
import { text } from '../../options.js';
import { listOptions } from '../common.js';
import { releaseColumns } from './view.js';

export const releaseList = defineCommand({
  description: 'Every release with its version, its layout and its size.',
  examples: [
    { command: 'wo release list', explanation: 'all of them' },
    { command: 'wo release list --name Riak --order-by "created_at desc" --limit 1 -q', explanation: 'the id of the newest Riak' },
  ],
  arguments: {},
  options: { name: text('--name <name>', 'of this name only', 'release'), ...listOptions },
  async run(runtime, _, { name, limit, orderBy }) {
    const control = await runtime.control();
    const items = await allPages(async (page) => {
      const answer = await control.call(ReleaseServiceService.listReleases, ListReleasesRequest.fromPartial({ page }));
      return { items: answer.releases, page: answer.page };
    }, { filter: filterOf({ name }), ...(limit && { limit }), ...(orderBy && { orderBy }) });
    await runtime.print.list({
      items, columns: releaseColumns(runtime.clock.now()), key: 'releases', toJson: Release.toJSON,
      nothing: 'no releases yet; begin with: wo upload-release NAME TARBALL',
    });
  },
});
