import { ListHardwareProfilesRequest, ProviderServiceService } from '@wombat/proto/control';
import { HardwareProfile } from '@wombat/proto/plugin';
import { defineCommand, object } from '../../command.js';
import { allPages } from '../../control/paging.js';
import { text } from '../../options.js';
import { bytes } from '../../output/words.js';
import { listOptions } from '../common.js';

export const providerHardware = defineCommand({
  description: 'The sizes (hardware profiles) of hosts of this provider; `wo add-domain` wants one.',
  examples: [
    { command: 'wo provider hardware local', explanation: 'all of them' },
    { command: 'wo provider hardware "My EC2 Account" --region eu-west-1 -o jsonl', explanation: 'of one region, one JSON object a line' },
  ],
  arguments: { provider: object('provider') },
  options: { region: text('--region <id>', 'in this region'), limit: listOptions.limit },
  async run(runtime, { provider }, { region = '', limit }) {
    const control = await runtime.control();
    const items = await allPages(async (page) => {
      const answer = await control.call(ProviderServiceService.listHardwareProfiles, ListHardwareProfilesRequest.fromPartial({ provider, region, page }));
      return { items: answer.hardwareProfiles, page: answer.page };
    }, limit ? { limit } : {});
    await runtime.print.list({
      items: items.map((profile) => ({ ...profile, metadata: undefined })),
      columns: [
        { title: 'PROFILE', text: (profile) => profile.id },
        { title: 'CORES', text: (profile) => (profile.cpuCores ? String(profile.cpuCores) : '') },
        { title: 'MEMORY', text: (profile) => (profile.memoryBytes ? bytes(profile.memoryBytes) : '') },
        { title: 'DISK', text: (profile) => (profile.diskBytes ? bytes(profile.diskBytes) : '') },
        { title: 'NAME', text: (profile) => profile.name, cut: true },
      ],
      key: 'hardwareProfiles', toJson: (profile) => HardwareProfile.toJSON(profile), id: (profile) => profile.id, name: (profile) => profile.name || profile.id,
      nothing: 'the provider knows no hardware profile',
    });
  },
});
