import { apiVersions, defineProvider } from '@wombat/plugin-sdk';
import { maximumPayloadBytes } from './limits.js';
import { dockerSettings } from './settings.js';

/**
 * Containers of a Docker Engine:
 *
 *   wo register-provider Containers docker --set network=wombat
 */
export const plugin = defineProvider({
  name: 'docker',
  version: '0.1.0',
  apiVersions: [apiVersions.provider],
  summary: 'each host is a container of a Docker Engine',
  settings: dockerSettings,
  // A name is given once, so a creation whose answer was lost may be repeated at once.
  abilities: { consoleLog: true, privateNetwork: true, maxInstallPayloadBytes: maximumPayloadBytes, listsAtOnce: true },
  async connect({ settings, clusterId, host }) {
    // A coordinator without such a provider never loads the library.
    const { DockerProvider } = await import('./docker-provider.js');
    return new DockerProvider({ settings, clusterId, host });
  },
});
