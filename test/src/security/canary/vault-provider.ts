import { apiVersions, defineProvider, note, ProviderError, z, type HostServices, type ProviderInstance } from '@wombat/plugin-sdk';
import { plugin as local } from '@wombat/provider-local';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A driver of somebody else's, for tests: hosts as `local` makes them, behind a token which it quotes in all that it
 * says, as careless drivers do. `breaks` says what fails, quoting it too.
 */
export const plugin = defineProvider({
  name: 'vault',
  version: '0.1.0',
  apiVersions: [apiVersions.provider],
  summary: 'local hosts behind a token',
  settings: z.object({
    account: z.string().default('somebody'),
    token: z.secret().min(8).describe('shown nowhere'),
    breaks: z.enum(['nothing', 'connect', 'verify', 'slowly', 'images', 'create']).default('nothing'),
  }),
  credentials: ['account', 'token'],
  async connect({ settings: { token, breaks }, ...configuration }) {
    const quote = [token, Buffer.from(token).toString('base64'), Buffer.from(token).toString('hex'), encodeURIComponent(token), JSON.stringify({ token })].join(' or ');
    const { host, dataDirectory } = configuration;
    chat(host, quote, token);
    // So that a test sees that it got the token, without the token.
    await writeFile(join(dataDirectory, 'fingerprint'), createHash('sha256').update(token).digest('hex'));
    if (breaks === 'connect') throw new Error(`cannot log in with ${quote}`);
    const instance = await local.connect({ ...configuration, settings: {} });
    return careless(instance, breaks, quote);
  },
});

function chat({ log }: HostServices, quote: string, token: string): void {
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    log[level](`logged in with ${quote}`, { quote, request: { headers: { authorization: `Bearer ${token}` } }, error: new Error(`401 for ${quote}`) });
  }
}

function careless(instance: ProviderInstance, breaks: string, quote: string): ProviderInstance {
  return {
    async verify({ signal }) {
      if (breaks === 'verify') throw ProviderError.auth(`the provider refuses ${quote}`);
      if (breaks === 'slowly') await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return { identity: `account of ${quote}`, notes: [note.warning('token', `${quote} ends soon`)] };
    },
    async listImages(page, context) {
      if (breaks === 'images') throw new Error(`GET https://vault.example/?token=${quote} answered 500`);
      return await instance.listImages(page, context);
    },
    async createHosts(hosts, context) {
      if (breaks === 'create') throw ProviderError.invalid('token', `no machine for ${quote}`);
      return await instance.createHosts(hosts, context);
    },
    listHardwareProfiles: (page, context) => instance.listHardwareProfiles(page, context),
    listRegions: (context) => instance.listRegions(context),
    listZones: (region, context) => instance.listZones(region, context),
    listHosts: (context) => instance.listHosts(context),
    destroyHosts: (machineIds, context) => instance.destroyHosts(machineIds, context),
    close: async () => await instance.close?.(),
  };
}
