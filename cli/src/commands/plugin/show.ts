import { nearestHint, WombatError } from '@wombat/proto';
import { ListPluginsRequest, Plugin, SystemServiceService } from '@wombat/proto/control';
import { defineCommand, required } from '../../command.js';
import { pluginKindOf } from './list.js';

export const pluginShow = defineCommand({
  description: 'What a plugin does, and its settings: name, type, meaning, and which of them are secrets.',
  examples: [
    { command: 'wo plugin show local', explanation: 'a driver' },
    { command: 'wo plugin show erlang-mesh -o json', explanation: 'with the whole schema of its settings' },
  ],
  arguments: { name: required('name of a driver or strategy', { completes: 'plugin' }) },
  options: {},
  async run(runtime, { name }) {
    const control = await runtime.control();
    const { plugins } = await control.call(SystemServiceService.listPlugins, ListPluginsRequest.fromPartial({}));
    const plugin = plugins.find((each) => each.description?.name === name);
    if (!plugin) throw notFound(name, plugins);
    const { description } = plugin;
    await runtime.print.show({ metadata: { id: name, name } }, Plugin.toJSON(plugin), () => [
      ['name', description?.name ?? ''],
      ['kind', pluginKindOf(plugin)],
      ['version', description?.version ?? ''],
      ['speaks', description?.apiVersions.join(', ') ?? ''],
      ['summary', description?.summary ?? ''],
      ['source', plugin.source],
      ['trouble', plugin.trouble],
      ['settings', settingLines(description?.settingsSchema ?? '').join('\n')],
    ]);
  },
});

function notFound(name: string, plugins: readonly Plugin[]): WombatError {
  const hint = nearestHint(name, plugins.map((plugin) => plugin.description?.name ?? ''), 'see those there are: wo plugin list');
  return new WombatError('WO_NOT_FOUND', `there is no plugin ${JSON.stringify(name)}`, { hint });
}

/** "region  string, required  region slug" for each property of a JSON Schema; the schema itself when it is no such object. */
function settingLines(schema: string): string[] {
  if (!schema) return ['none'];
  try {
    const { properties = {}, required: wanted = [] } = JSON.parse(schema) as { properties?: Record<string, Record<string, unknown>>; required?: string[] };
    const lines = Object.entries(properties).map(([key, property]) => {
      const kind = [property['type'], wanted.includes(key) && 'required', property['x-secret'] === true && 'secret'].filter((each) => typeof each === 'string').join(', ');
      const fallback = property['default'] === undefined ? '' : `  [${JSON.stringify(property['default'])}]`;
      return `${key}  ${kind}${fallback}${typeof property['description'] === 'string' ? `  ${property['description']}` : ''}`;
    });
    return lines.length ? lines : ['none'];
  } catch {
    return [schema];
  }
}
