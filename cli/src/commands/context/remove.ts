import { defineCommand, required } from '../../command.js';
import { readConfigFile, writeConfigFile } from '../../context/config-file.js';
import { knownContext } from '../../context/known-context.js';
import { configDirectory } from '../../context/paths.js';
import { removeContextFiles } from '../../context/stored-files.js';

export const contextRemove = defineCommand({
  description: 'Forgets a context, with the copies of token and authority that wo context add has made. The coordinator is not told, and the token stays good.',
  examples: [
    { command: 'wo context remove staging', explanation: 'forgets it' },
    { command: 'wo context list -o name | xargs -n1 wo context remove', explanation: 'forgets all' },
  ],
  arguments: { name: required('name of a context', { completes: 'context' }) },
  options: {},
  async run(runtime, { name }) {
    const { env } = runtime.io;
    const config = await readConfigFile(configDirectory(env), env);
    knownContext(config, name);
    const contexts = Object.fromEntries(Object.entries(config.contexts).filter(([each]) => each !== name));
    const { current, ...rest } = config;
    await writeConfigFile({ ...rest, contexts, ...(current !== undefined && current !== name && { current }) });
    await removeContextFiles(config.path, name);
    await runtime.print.done(`context ${name} is forgotten${current === name ? '; none is chosen now: wo context use NAME' : ''}`, { removed: name });
  },
});
