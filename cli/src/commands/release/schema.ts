import { defineCommand } from '../../command.js';

export const releaseSchema = defineCommand({
  description: 'The JSON Schema of wombat.release.yaml, for editors and checks. Needs no coordinator.',
  examples: [
    { command: 'wo release schema > wombat.release.schema.json', explanation: 'then begin the manifest with: # yaml-language-server: $schema=wombat.release.schema.json' },
    { command: 'wo release schema -o yaml', explanation: 'to read it' },
  ],
  arguments: {},
  options: {},
  async run(runtime) {
    const { manifestJsonSchema } = await import('@wombat/proto/manifest');
    await runtime.print.json(manifestJsonSchema());
  },
});
