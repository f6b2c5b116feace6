import { wombatVersion } from '@wombat/proto';
import { defineCommand } from '../command.js';
import { flag } from '../options.js';
import type { Runtime } from '../runtime.js';
import { isFarApart } from '../version-skew.js';

export const version = defineCommand({
  description: 'The versions of wo, of the coordinator, and how many agents run which. With --client it asks nobody.',
  examples: [
    { command: 'wo version', explanation: 'of everything' },
    { command: 'wo version --client', explanation: 'of wo alone' },
  ],
  arguments: {},
  options: { client: flag('--client', 'of wo alone') },
  async run(runtime, _, { client }) {
    const { print } = runtime;
    const own = { version: wombatVersion, nodeVersion: process.versions.node };
    if (client) return print.isForPrograms ? print.json({ client: own }) : print.data(`wo ${own.version} (Node ${own.nodeVersion})`);
    await withCoordinator(runtime, own);
  },
});

/** Our own version is told even when nobody answers. */
async function withCoordinator(runtime: Runtime, client: { version: string; nodeVersion: string }): Promise<void> {
  const { GetVersionRequest, GetVersionResponse, SystemServiceService } = await import('@wombat/proto/control');
  const { print } = runtime;
  if (!print.isForPrograms) print.data(`wo           ${client.version}  (Node ${client.nodeVersion})`);
  const control = await runtime.control();
  const answer = await control.call(SystemServiceService.getVersion, GetVersionRequest.fromPartial({}));
  if (print.isForPrograms) return print.json({ client, coordinator: GetVersionResponse.toJSON(answer) });
  const { sanitise } = await import('../output/sanitise.js');
  print.data(`coordinator  ${sanitise(answer.version)}  (Node ${sanitise(answer.nodeVersion)}, cluster ${sanitise(answer.clusterId)})`);
  const agents = Object.entries(answer.agents).map(([each, amount]) => `${amount} of ${sanitise(each)}`);
  print.data(`agents       ${agents.join(', ') || 'none connected'}`);
  const skewed = [`wo ${client.version}`, ...Object.keys(answer.agents).map((each) => `agents ${each}`)].filter((each) => isFarApart(each.split(' ')[1]!, answer.version));
  for (const each of skewed) {
    print.warn(`${print.err.yellow('warning:')} ${sanitise(each)} and the coordinator ${sanitise(answer.version)} are more than one minor version apart: upgrade the older`);
  }
}
