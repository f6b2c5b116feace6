import { readFile } from 'node:fs/promises';
import { defineCommand } from '../../command.js';
import { resolveContext, type Sourced } from '../../context/resolve.js';
import { caSha256Of } from '../../control/pinned-authority.js';

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
    const sha256 = caFile && (await readFile(caFile.value).then((pem) => caSha256Of(pem, caFile.value)).catch(() => undefined));
    const said = (part: Sourced | undefined): string => (part ? `${part.value}  (${part.source})` : 'not set');
    await runtime.print.show({ metadata: { id: name?.value ?? '', name: name?.value ?? '' } }, { ...parts, caSha256: sha256 }, () => [
      ['context', said(name)],
      ['address', said(address)],
      ['token file', said(tokenFile)],
      ['CA file', said(caFile)],
      ['CA sha256', sha256 ?? 'the CA file cannot be read'],
      ['cluster', clusterId ? said(clusterId) : 'read from the CA file'],
    ]);
  },
});
