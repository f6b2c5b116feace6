import { platform } from 'node:os';
import { apiVersions, defineProvider, ProviderError, systemClock, z } from '@wombat/plugin-sdk';
import { LocalProvider } from './local-provider.js';
import { subnetPattern } from './subnet.js';

/**
 * Hosts on this machine, without root:
 *
 *   wo register-provider Here local --set zones=a,b
 */
export const plugin = defineProvider({
  name: 'local',
  version: '0.1.0',
  apiVersions: [apiVersions.provider],
  summary: 'each host is an agent process on this machine, with a directory and a 127.x.y.z address of its own',
  settings: z.object({
    subnet: z.string().regex(subnetPattern, 'is not of the form 127.x.y with x from 1 to 254').optional()
      .describe('first three numbers of the hosts\' addresses, e.g. 127.7.7; chosen at first use'),
    zones: z.array(z.string().regex(/^[a-z0-9-]{1,40}$/, 'a zone is 1-40 characters of a-z, 0-9 and dash')).max(64).default([])
      .describe('names of zones that hosts can be said to be in, e.g. a,b'),
  }),
  // Its own records are the list.
  abilities: { listsAtOnce: true },
  async connect({ settings, clusterId, dataDirectory, host }) {
    if (platform() !== 'linux') throw ProviderError.unavailable('the driver local needs Linux');
    return await LocalProvider.open({ subnet: settings.subnet, zones: settings.zones, clusterId, dataDirectory, host, clock: systemClock });
  },
});
