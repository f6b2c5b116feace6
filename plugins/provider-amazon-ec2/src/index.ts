import { apiVersions, defineProvider, systemClock } from '@wombat/plugin-sdk';
import { maximumPayloadBytes } from './limits.js';
import { ec2Settings } from './settings.js';

/**
 * Instances of Amazon EC2, or of a cloud that speaks its API:
 *
 *   wo register-provider "My EC2 Account" AKIA... file:secret amazon-ec2 --set region=eu-west-1
 */
export const plugin = defineProvider({
  name: 'amazon-ec2',
  version: '0.1.0',
  apiVersions: [apiVersions.provider],
  summary: 'each host is an instance of Amazon EC2, or of a cloud that speaks its API',
  settings: ec2Settings,
  credentials: ['accessKeyId', 'secretAccessKey'],
  abilities: { firewall: true, prices: true, consoleLog: true, spot: true, privateNetwork: true, maxInstallPayloadBytes: maximumPayloadBytes },
  async connect({ settings, clusterId, host }) {
    // The SDK is large: a coordinator without such a provider never loads it.
    const { Ec2Provider } = await import('./ec2-provider.js');
    return new Ec2Provider({ settings, clusterId, host, clock: systemClock });
  },
});
