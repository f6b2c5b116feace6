import t from 'tap';
import { FailureKind, PluginKind } from './contract.js';
import { defineProvider } from './define-provider.js';
import { ProviderError } from './provider-error.js';
import type { ProviderInstance } from './provider.js';
import { connectForTest } from './testing.js';
import * as z from './z.js';

const seen: unknown[] = [];
const instance = { verify: async () => ({ identity: 'acme', notes: [] }) } as unknown as ProviderInstance;
const definition = {
  name: 'acme', version: '1.2.3', apiVersions: ['provider.v1'] as const, summary: 'machines on Acme',
  settings: z.object({ region: z.string(), key: z.string(), secret: z.secret(), size: z.number().default(1) }),
  credentials: ['key', 'secret'] as const,
  abilities: { quota: true },
  connect({ settings }: { settings: unknown }) {
    seen.push(settings);
    return instance;
  },
};
const plugin = defineProvider(definition);

t.test('a definition becomes a plugin that describes itself', async (t) => {
  t.match(plugin.description, { name: 'acme', kind: PluginKind.PROVIDER, version: '1.2.3', apiVersions: ['provider.v1'], summary: 'machines on Acme' });
  t.strictSame(plugin.credentialSettings, ['key', 'secret']);
  t.strictSame(plugin.secretSettings, ['secret']);
  t.strictSame([plugin.abilities.quota, plugin.abilities.firewall], [true, false], 'abilities that are not named are not there');
  t.throws(() => Object.assign(plugin, { kind: 'x' }), TypeError, 'a plugin is frozen');
});

t.test('validate answers notes and settings that can be stored and connected with', async (t) => {
  const { notes, settings } = plugin.validate({ region: 'eu1', key: 'k', secret: 's', size: '5' });
  t.strictSame(notes, []);
  t.strictSame(settings, { region: 'eu1', key: 'k', secret: 's', size: 5 });
  t.equal(plugin.validate({}).notes.length, 3);
  const connected = await connectForTest(plugin, { settings });
  t.equal(connected.instance, instance);
  t.strictSame(seen, [{ region: 'eu1', key: 'k', secret: 's', size: 5 }]);
});

t.test('a driver may do without credentials and abilities', async (t) => {
  const { credentials: _credentials, abilities: _abilities, ...least } = definition;
  const plain = defineProvider(least);
  t.strictSame(plain.credentialSettings, []);
  t.equal(plain.abilities.maxInstallPayloadBytes, 0);
});

t.test('a refusal of all settings together names no field', async (t) => {
  const strict = defineProvider({ ...definition, settings: definition.settings.refine(() => false, 'never') });
  const error: unknown = await connectForTest(strict, { settings: { region: 'a', key: 'k', secret: 's' } }).catch((caught: unknown) => caught);
  t.match(error, { field: '', message: 'never' });
});

t.test('connect refuses settings that do not fit, without the secret', async (t) => {
  const error: unknown = await connectForTest(plugin, { settings: { region: 5, key: 'k', secret: 'canary' } }).catch((caught: unknown) => caught);
  t.ok(ProviderError.is(error));
  t.match(error, { kind: FailureKind.INVALID, field: 'region', message: /^region: / });
  t.notMatch((error as Error).message, /canary/);
});

t.test('a wrong definition fails where it is written', async (t) => {
  for (const name of ['Acme', 'acme_1', '', '-a', 'a--b', 'a'.repeat(41)]) {
    t.throws(() => defineProvider({ ...definition, name }), /the name of a plugin/, `the name ${JSON.stringify(name)} must be refused`);
  }
  t.throws(() => defineProvider({ ...definition, version: '' }), /plugin acme: the version is missing/);
  t.throws(() => defineProvider({ ...definition, apiVersions: [] }), /plugin acme: apiVersions/);
  t.throws(() => defineProvider({ ...definition, credentials: ['tokn' as 'key'] }), /driver acme: credential tokn is no setting/);
});
