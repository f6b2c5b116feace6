import { apiVersions, defineProvider } from '@wombat/plugin-sdk';
import { maxInstallPayloadBytes } from './user-data.js';
import { settingsSchema } from './settings.js';

/**
 * Hosts are servers of an OpenStack cloud:
 *
 *   wo register-provider Private CREDENTIAL-ID env:OS_SECRET openstack --set authUrl=https://cloud.example.org:5000/v3
 */
export const plugin = defineProvider({
  name: 'openstack',
  version: '0.1.0',
  apiVersions: [apiVersions.provider],
  summary: 'hosts are servers of an OpenStack cloud: Keystone v3, Nova, Glance, Neutron',
  settings: settingsSchema,
  credentials: ['applicationCredentialId', 'applicationCredentialSecret'],
  // Not listsAtOnce: a request whose answer was lost may still be at work, and its server in no list yet.
  abilities: { firewall: true, quota: true, consoleLog: true, privateNetwork: true, maxInstallPayloadBytes },
  async connect({ settings, clusterId, host }) {
    // A coordinator without such a provider does without its code.
    const { OpenstackProvider } = await import('./openstack-provider.js');
    return new OpenstackProvider({ settings, clusterId, host });
  },
});
