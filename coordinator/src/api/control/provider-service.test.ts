import t, { type Test } from 'tap';
import { apiVersions, defineProvider, z } from '@wombat/plugin-sdk';
import { WombatError } from '@wombat/proto';
import type { RegisterProviderRequest, RegisterProviderResponse, RemoveProviderRequest, RemoveProviderResponse, VerifyProviderRequest, VerifyProviderResponse } from '@wombat/proto/control';
import { ManualClock } from '../../fleet/testing/manual-clock.js';
import { Catalog } from '../../plugins/catalog.js';
import type { Store } from '../../store/store.js';
import { unary } from '../../testing/calls.js';
import { CountingIds, idNumber } from '../../testing/counting-ids.js';
import { FakeProviders } from '../../testing/fake-providers.js';
import { fakeSecrets } from '../../testing/fake-secrets.js';
import { domainRow, hostRow, providerRow } from '../../testing/rows.js';
import { change, eventsAfter, openTestStore, put, row } from '../../testing/test-store.js';
import { providerService } from './provider-service.js';

const acme = defineProvider({
  name: 'acme', version: '1.0.0', apiVersions: [apiVersions.provider], summary: 'for tests',
  settings: z.object({ key: z.string(), secret: z.secret(), region: z.string().default('eu1'), retries: z.number().int().optional() }),
  credentials: ['key', 'secret'],
  connect: () => {
    throw new Error('nobody connects in these tests');
  },
});

interface Setting {
  readonly store: Store;
  readonly directory: FakeProviders;
  register(request: Partial<RegisterProviderRequest>): Promise<RegisterProviderResponse>;
  verify(request: Partial<VerifyProviderRequest>): Promise<VerifyProviderResponse>;
  remove(request: Partial<RemoveProviderRequest>): Promise<RemoveProviderResponse>;
}

async function setting(test: Test): Promise<Setting> {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  const directory = new FakeProviders();
  const builtIn = await Catalog.load([], process.cwd());
  const drivers = { driver: (name: string) => (name === 'acme' ? acme : builtIn.driver(name)) };
  const service = providerService({ store, clock, ids: new CountingIds(), secrets: fakeSecrets, drivers, directory });
  return { store, directory, register: unary(service, 'registerProvider'), verify: unary(service, 'verifyProvider'), remove: unary(service, 'removeProvider') };
}

const good = { name: 'my cloud', driver: 'acme', credentials: ['AKIA', 'canary'] } as const;

void t.test('a provider is tried, then stored: secrets sealed, and shown to nobody', async (test) => {
  const { store, directory, register } = await setting(test);
  const answer = await register({ ...good, credentials: [...good.credentials], settings: { retries: '3' } });
  test.match(directory.opened, [{ name: 'my cloud', settings: { key: 'AKIA', secret: 'canary', retries: 3 } }], 'verified with everything');
  test.equal(directory.closed, 1, 'the trial is closed');
  test.same(JSON.parse(answer.provider!.settings), { key: 'AKIA', retries: 3, secret: '***' });
  const [stored] = await store.read.providers.find({});
  test.match(stored, { identity: 'account 7', settings: { key: 'AKIA', retries: 3 }, sealedSecrets: { secret: `sealed:${stored!.id}:canary` } });
  test.notOk('secret' in stored!.settings, 'the secret is in its sealed place only');
  const everything = JSON.stringify(answer, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)) + JSON.stringify(await store.read.events.list({ afterSequence: 0, limit: 9 }));
  test.notMatch(everything, /canary/, 'neither the answer nor an event holds it');
  test.same(await eventsAfter(store), ['provider.registered my cloud registered']);
});

const refused: readonly [what: string, request: Partial<RegisterProviderRequest>, expected: { code: string; message?: RegExp; hint?: RegExp }][] = [
  ['credentials for local', { name: 'x', driver: 'local', credentials: ['a', 'b'] }, { code: 'WO_CREDENTIALS_UNEXPECTED', message: /takes no credentials, not 2/, hint: /wo register-provider NAME local/ }],
  ['one credential too many', { name: 'x', driver: 'acme', credentials: ['a', 'canary', 'c'] }, { code: 'WO_CREDENTIALS_UNEXPECTED', message: /takes 2: key, secret/, hint: /KEY SECRET acme/ }],
  ['an unknown driver', { name: 'x', driver: 'locale' }, { code: 'WO_DRIVER_UNKNOWN', hint: /did you mean local/ }],
  ['a missing secret', { name: 'x', driver: 'acme', credentials: ['a'] }, { code: 'WO_SETTINGS_INVALID', message: /secret/, hint: /wo plugin show acme/ }],
  ['a setting of the wrong kind', { name: 'x', driver: 'acme', credentials: ['a', 'canary'], settings: { retries: 'many' } }, { code: 'WO_SETTINGS_INVALID', message: /retries/ }],
  ['an unknown setting', { name: 'x', driver: 'acme', credentials: ['a', 'canary'], settings: { regoin: 'eu1' } }, { code: 'WO_SETTINGS_INVALID', message: /regoin/ }],
  ['no name', { name: '', driver: 'acme', credentials: ['a', 'canary'] }, { code: 'WO_NAME_INVALID' }],
  ['a name like an id', { name: 'prv-aaaaaaaaaaaa', driver: 'acme', credentials: ['a', 'canary'] }, { code: 'WO_NAME_INVALID' }],
  ['a name with a line break', { name: 'a\nb', driver: 'acme', credentials: ['a', 'canary'] }, { code: 'WO_NAME_INVALID' }],
];
for (const [what, request, expected] of refused) {
  void t.test(`${what} is refused before anybody is asked`, async (test) => {
    const { store, directory, register } = await setting(test);
    const error: unknown = await register(request).catch((caught: unknown) => caught);
    test.match(error, expected);
    test.notMatch(`${String(error)} ${(error as WombatError).hint}`, /canary/, 'a secret is not told back');
    test.equal(directory.opened.length, 0);
    test.equal(await store.read.providers.count({}), 0);
  });
}

void t.test('what cannot be verified is not stored', async (test) => {
  const { store, directory, register } = await setting(test);
  directory.verifyError = new WombatError('WO_PROVIDER_AUTH', 'the key is refused');
  await test.rejects(register({ ...good, credentials: [...good.credentials] }), { code: 'WO_PROVIDER_AUTH' });
  test.equal(await store.read.providers.count({}), 0);
  test.equal(directory.closed, 1, 'the trial is closed all the same');
  test.same(await eventsAfter(store), []);
});

void t.test('a name is given once, and a dry run does not take it', async (test) => {
  const { store, register } = await setting(test);
  const request = { ...good, credentials: [...good.credentials] };
  await register({ ...request, mutation: { requestId: '', expectedRevision: 0n, dryRun: true } });
  test.equal(await store.read.providers.count({}), 0);
  await register(request);
  await test.rejects(register(request), { code: 'WO_NAME_TAKEN' });
});

void t.test('verifying again overwrites nothing that was changed meanwhile', async (test) => {
  const { store, directory, verify } = await setting(test);
  await put(store, 'providers', providerRow());
  directory.onVerify = async () => void (await change(store, 'providers', providerRow().id, { settings: { region: 'eu2' } }));
  await verify({ provider: 'cloud' });
  test.match(await row(store, 'providers', providerRow().id), { settings: { region: 'eu2' }, identity: 'account 7', revision: 3 }, 'no conflict for the caller, no lost update');
});

void t.test('a provider that is used is not removed', async (test) => {
  const { store, directory, remove } = await setting(test);
  await put(store, 'providers', providerRow());
  await put(store, 'domains', domainRow(idNumber('fam', 1)));
  await put(store, 'hosts', hostRow(1));
  await test.rejects(remove({ provider: 'cloud' }), { code: 'WO_IN_USE', message: /domain/ });
  await store.transaction((transaction) => transaction.domains.delete(domainRow('').id));
  await test.rejects(remove({ provider: 'cloud' }), { code: 'WO_IN_USE', message: /host cloud-1/ });
  await change(store, 'hosts', idNumber('host', 1), { phase: 'gone' });
  await remove({ provider: 'cloud', mutation: { requestId: '', expectedRevision: 0n, dryRun: true } });
  test.same(directory.removed, [], 'a dry run disconnects nobody');
  await remove({ provider: 'cloud' });
  test.same(directory.removed, [providerRow().id]);
  test.equal(await store.read.providers.count({}), 0);
  await test.rejects(remove({ provider: 'cloud' }), { code: 'WO_NOT_FOUND', hint: /wo provider list/ });
});
