import { defineCommand } from '../../command.js';
import { readConfigFile } from '../../context/config-file.js';
import { configDirectory } from '../../context/paths.js';
import { resolveContext } from '../../context/resolve.js';

export const contextList = defineCommand({
  description: 'The contexts of the configuration; * marks the one that is used, and a line below says who chose it.',
  examples: [
    { command: 'wo context list', explanation: 'all of them' },
    { command: 'WO_CONFIG_DIR=/tmp/dev wo context list -o name', explanation: 'those of a dev directory' },
  ],
  arguments: {},
  options: {},
  async run(runtime) {
    const { io, print } = runtime;
    const config = await readConfigFile(configDirectory(io.env), io.env);
    // A choice that cannot be had must not hide what there is to choose from.
    const chosen = await resolveContext(runtime.flags, io).catch(() => undefined);
    const current = chosen?.name?.value;
    await print.list({
      items: Object.entries(config.contexts).map(([name, entry]) => ({ name, ...entry, current: name === current, metadata: undefined })),
      columns: [
        { title: ' ', text: (context) => (context.current ? '*' : '') },
        { title: 'NAME', text: (context) => context.name, cut: true },
        { title: 'ADDRESS', text: (context) => context.address ?? '' },
        { title: 'CA FILE', text: (context) => context.caFile ?? '', wide: true },
        { title: 'TOKEN FILE', text: (context) => context.tokenFile ?? '', wide: true },
      ],
      key: 'contexts', toJson: ({ metadata: _, ...context }) => context, id: (context) => context.name, name: (context) => context.name,
      nothing: `${config.path} has no contexts; \`wo dev\` makes one`,
    });
    if (chosen?.name && !print.isForPrograms && print.format !== 'name') print.tell(`${chosen.name.value} is used: ${chosen.name.source} says so`);
  },
});
