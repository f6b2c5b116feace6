import { defineCommand } from '../../command.js';
import { resolveContext, type Sourced } from '../../context/resolve.js';

export const contextShow = defineCommand({
  description: 'What a command would connect with, and which flag, variable or file each part comes from.',
  examples: [
    { command: 'wo context show', explanation: 'what is used now' },
    { command: 'wo context show --context production -o json', explanation: 'what another context would give' },
  ],
  arguments: {},
  options: {},
  async run(runtime) {
    const context = await resolveContext(runtime.flags, runtime.io);
    const { name, address, tokenFile, caFile, clusterId } = context;
    const parts = { name, address, tokenFile, caFile, clusterId };
    const said = (part: Sourced | undefined): string => (part ? `${part.value}  (${part.source})` : 'not set');
    await runtime.print.show({ metadata: undefined }, parts, () => [
      ['context', said(name)],
      ['address', said(address)],
      ['token file', said(tokenFile)],
      ['CA file', said(caFile)],
      ['cluster', clusterId ? said(clusterId) : 'read from the CA file'],
    ]);
  },
});
