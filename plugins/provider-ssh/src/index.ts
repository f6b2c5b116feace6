import { apiVersions, defineProvider, systemClock } from '@wombat/plugin-sdk';
import { sshSettings } from './settings.js';

/** What no installer comes near; it bounds what is sent to each machine. */
const maxInstallPayloadBytes = 256 * 1024;

/**
 * Machines that are there already, reached by ssh:
 *
 *   wo register-provider Rack file:id_ed25519 ssh --set machines=10.0.0.5,10.0.0.6 --set knownHosts=/etc/wombat/known_hosts
 */
export const plugin = defineProvider({
  name: 'ssh',
  version: '0.1.0',
  apiVersions: [apiVersions.provider],
  summary: 'each host is a machine that you have already; the agent is installed by ssh, and taken away again',
  settings: sshSettings,
  credentials: ['privateKey'],
  // Lists are what the machines say.
  abilities: { quota: true, consoleLog: true, listsAtOnce: true, maxInstallPayloadBytes },
  async connect({ settings, clusterId, dataDirectory, host }) {
    // A coordinator without such a provider does without the library.
    const { SshProvider } = await import('./ssh-provider.js');
    return await SshProvider.open({ settings, clusterId, dataDirectory, host, clock: systemClock });
  },
});
