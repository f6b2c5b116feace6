import { defineCommand, required } from '../../command.js';
import { readConfigFile, writeConfigFile } from '../../context/config-file.js';
import { knownContext } from '../../context/known-context.js';
import { configDirectory } from '../../context/paths.js';

export const contextUse = defineCommand({
  description: 'Chooses the context that is used when nothing else says: neither --context, nor WO_CONTEXT, nor a wombat.toml of the project.',
  examples: [
    { command: 'wo context use production', explanation: 'from now on' },
    { command: 'wo --context production status', explanation: 'for one command only' },
  ],
  arguments: { name: required('name of a context', { completes: 'context' }) },
  options: {},
  async run(runtime, { name }) {
    const { env } = runtime.io;
    const config = await readConfigFile(configDirectory(env), env);
    knownContext(config, name);
    await writeConfigFile({ ...config, current: name });
    await runtime.print.done(`${name} is used from now on`, { current: name });
  },
});
