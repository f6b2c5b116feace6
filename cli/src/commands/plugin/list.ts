import { ListPluginsRequest, Plugin, SystemServiceService } from '@wombat/proto/control';
import { pluginKindToJSON } from '@wombat/proto/plugin';
import { defineCommand } from '../../command.js';
import { word } from '../../output/words.js';

export const pluginList = defineCommand({
  description: 'The drivers that providers may use, and the strategies that families may bootstrap with.',
  examples: [
    { command: 'wo plugin list', explanation: 'all of them' },
    { command: 'wo plugin list -o name', explanation: 'names only' },
  ],
  arguments: {},
  options: {},
  async run(runtime) {
    const control = await runtime.control();
    const { plugins } = await control.call(SystemServiceService.listPlugins, ListPluginsRequest.fromPartial({}));
    const nameOf = (plugin: Plugin): string => plugin.description?.name ?? '';
    await runtime.print.list({
      items: plugins.map((plugin) => ({ ...plugin, metadata: undefined })),
      columns: [
        { title: 'NAME', text: nameOf, cut: true },
        { title: 'KIND', text: (plugin) => pluginKindOf(plugin) },
        { title: 'VERSION', text: (plugin) => plugin.description?.version ?? '' },
        { title: 'SOURCE', text: (plugin) => plugin.source, wide: true },
        { title: 'TROUBLE', text: (plugin) => plugin.trouble || 'none', wide: true },
        { title: 'SUMMARY', text: (plugin) => plugin.description?.summary ?? '' },
      ],
      key: 'plugins', toJson: (plugin) => Plugin.toJSON(plugin), id: nameOf, name: nameOf, nothing: 'the coordinator has loaded no plugin',
    });
  },
});

export function pluginKindOf(plugin: Plugin): string {
  return word(pluginKindToJSON(plugin.description?.kind ?? 0), 'PLUGIN_KIND_').replace('_', ' ');
}
