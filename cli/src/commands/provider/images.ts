import { ListImagesRequest, ProviderServiceService } from '@wombat/proto/control';
import { Image } from '@wombat/proto/plugin';
import { defineCommand, object } from '../../command.js';
import { allPages } from '../../control/paging.js';
import { text } from '../../options.js';
import { listOptions } from '../common.js';

export const providerImages = defineCommand({
  description: 'The images (virtual disks) that hosts of this provider can boot from; `wo add-domain` wants one.',
  examples: [
    { command: 'wo provider images local', explanation: 'all of them' },
    { command: 'wo provider images "My EC2 Account" --region eu-west-1 --query debian-12 --limit 20', explanation: 'search in one region' },
  ],
  arguments: { provider: object('provider') },
  options: { region: text('--region <id>', 'in this region'), query: text('--query <text>', 'whose name holds this text'), limit: listOptions.limit },
  async run(runtime, { provider }, { region = '', query = '', limit }) {
    const control = await runtime.control();
    const items = await allPages(async (page) => {
      const answer = await control.call(ProviderServiceService.listImages, ListImagesRequest.fromPartial({ provider, region, query, page }));
      return { items: answer.images, page: answer.page };
    }, limit ? { limit } : {});
    await runtime.print.list({
      items: items.map((image) => ({ ...image, metadata: undefined })),
      columns: [
        { title: 'IMAGE', text: (image) => image.id },
        { title: 'NAME', text: (image) => image.name, cut: true },
      ],
      key: 'images', toJson: (image) => Image.toJSON(image), id: (image) => image.id, name: (image) => image.name || image.id,
      nothing: 'the provider knows no such image',
    });
  },
});
