import {
  created, failed, FailureKind, hardwareProfile, image, machine, note, ProviderError, tagsOf,
  type CallContext, type HostSpec, type Machine, type ProviderInstance, type ProviderPlugin,
} from '@wombat/plugin-sdk';
import { FakeHost } from '@wombat/plugin-sdk/testing';
import { WombatError } from '@wombat/proto';
import t from 'tap';
import { ProviderHost, type ProviderTimeouts } from './provider-host.js';
import { Redaction } from './redaction.js';

const call: CallContext = { signal: new AbortController().signal };
const page = { region: '', query: '', pageSize: 10, pageToken: '' };
const never = new Promise<never>(() => undefined);

function spec(key: string, hostId = 'host-aaaaaaaaaaaa'): HostSpec {
  return { key, hostId, image: 'i', hardwareProfile: 'h', region: '', zone: '', tags: {}, firewallGroup: '', spot: false, labels: [] };
}

function made(of: HostSpec, changed: Partial<Machine> = {}): Machine {
  return { ...machine({ machineId: `i-${of.key}`, tags: tagsOf(of, 'c1'), addresses: ['10.0.0.1'] }), ...changed };
}

// Deadlines do not keep a process alive; a coordinator has its servers for that, this test has this.
const alive = setInterval(() => undefined, 1_000);
t.teardown(() => clearInterval(alive));

interface Fake {
  readonly host: ProviderHost;
  connects: number;
}

/** A provider host around a driver that does what the test says. */
function provider(instance: Partial<Record<keyof ProviderInstance, unknown>>, options: { connect?: () => Promise<ProviderInstance>; timeouts?: Partial<ProviderTimeouts> } = {}): Fake {
  const plugin = {
    kind: 'provider',
    connect: async () => {
      fake.connects += 1;
      return options.connect ? await options.connect() : (instance as ProviderInstance);
    },
  } as unknown as ProviderPlugin;
  const host = new ProviderHost({
    plugin, providerId: 'prv-aaaaaaaaaaaa', name: 'Acme', clusterId: 'c1', settings: {}, redaction: new Redaction(['canary-secret']),
    prepareDirectory: async () => '/nowhere', host: new FakeHost(), timeouts: options.timeouts ?? {},
  });
  const fake: Fake = { host, connects: 0 };
  return fake;
}

async function rejection(promise: Promise<unknown>): Promise<WombatError> {
  const error: unknown = await promise.then(() => new Error('it did not fail'), (caught: unknown) => caught);
  if (!WombatError.is(error)) throw error;
  return error;
}

t.test('connects once, on the first call, and again when that has failed', async (t) => {
  const regions = async () => [{ id: 'eu', name: 'Europe' }];
  const lazy = provider({ listRegions: regions });
  t.equal(lazy.connects, 0, 'not before it is needed');
  await Promise.all([lazy.host.listRegions(call), lazy.host.listRegions(call), lazy.host.ready(call)]);
  t.equal(lazy.connects, 1);

  let attempts = 0;
  const flaky = provider({}, {
    connect: async () => {
      attempts += 1;
      if (attempts === 1) throw ProviderError.auth('wrong key');
      return { listRegions: regions } as unknown as ProviderInstance;
    },
  });
  t.match(await rejection(flaky.host.listRegions(call)), { code: 'WO_PROVIDER_AUTH', message: 'provider(Acme): wrong key' });
  t.strictSame(await flaky.host.listRegions(call), [{ id: 'eu', name: 'Europe' }]);
});

t.test('each kind of failure has its code, and names the provider', async (t) => {
  const cases: readonly [unknown, string, Record<string, string>][] = [
    [ProviderError.auth('m'), 'WO_PROVIDER_AUTH', { mayRetry: 'false' }],
    [ProviderError.quota('m'), 'WO_PROVIDER_QUOTA', { mayRetry: 'false' }],
    [ProviderError.capacity('m'), 'WO_PROVIDER_CAPACITY', { mayRetry: 'true' }],
    [ProviderError.throttled('m', 1_500), 'WO_PROVIDER_THROTTLED', { mayRetry: 'true', retryAfterMs: '1500' }],
    [ProviderError.invalid('image', 'm'), 'WO_PROVIDER_INVALID', { mayRetry: 'false', field: 'image' }],
    [ProviderError.notFound('m'), 'WO_NOT_FOUND', { mayRetry: 'false' }],
    [ProviderError.unavailable('m'), 'WO_PROVIDER_UNAVAILABLE', { mayRetry: 'true' }],
    [new TypeError('m'), 'WO_PROVIDER_UNAVAILABLE', { mayRetry: 'true' }],
    [new ProviderError(99 as FailureKind, 'm'), 'WO_PROVIDER_UNAVAILABLE', { mayRetry: 'false' }],
  ];
  for (const [thrown, code, details] of cases) {
    const error = await rejection(provider({ listRegions: async () => { throw thrown; } }).host.listRegions(call));
    t.strictSame({ code: error.code, message: error.message, details: error.details }, { code, message: 'provider(Acme): m', details });
  }
});

t.test('a secret is in no error and no answer', async (t) => {
  const leaks = ProviderError.auth('key canary-secret\u001b[31m is wrong', new Error('canary-secret'));
  const { host } = provider({
    listRegions: async () => { throw leaks; },
    createHosts: async (specs: readonly HostSpec[]) => specs.map(({ key }) => failed(key, leaks)),
    verify: async () => ({ identity: 'canary-secret', notes: [note.info('', 'uses canary-secret')] }),
  });
  const error = await rejection(host.listRegions(call));
  t.equal(error.message, 'provider(Acme): key *** is wrong');
  t.equal(error.cause, undefined, 'what was thrown is not kept');
  t.strictSame(await host.verify(call), { identity: '***', notes: [note.info('', 'uses ***')] });
  t.notMatch(JSON.stringify(await host.createHosts([spec('k')], call), (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)), /canary/);
});

t.test('a call ends at its deadline, whatever the driver does, and its signal fires', async (t) => {
  const signals: AbortSignal[] = [];
  const hangs = async (...words: unknown[]) => {
    signals.push((words.at(-1) as CallContext).signal);
    return await never;
  };
  const { host } = provider({ listRegions: hangs, createHosts: hangs, destroyHosts: hangs }, { timeouts: { readMs: 20, createMs: 20, destroyMs: 20 } });
  t.match(await rejection(host.listRegions(call)), { code: 'WO_PROVIDER_UNAVAILABLE', message: 'provider(Acme): listRegions took longer than 20 ms' });
  t.match((await host.createHosts([spec('k')], call))[0]?.outcome, { value: { kind: FailureKind.UNAVAILABLE, mayRetry: true, message: /createHosts took longer/ } });
  t.match((await host.destroyHosts(['i-1'], call))[0]?.failure, { kind: FailureKind.UNAVAILABLE });
  t.ok(signals.length === 3 && signals.every(({ aborted }) => aborted), 'the driver is told to stop');
});

t.test('connecting has a deadline too, and what comes too late is let go', async (t) => {
  let closed = 0;
  let arrive: (instance: ProviderInstance) => void = () => undefined;
  const { host } = provider({}, { connect: () => new Promise((resolve) => (arrive = resolve)), timeouts: { connectMs: 20 } });
  t.match(await rejection(host.listRegions(call)), { message: 'provider(Acme): connecting took longer than 20 ms' });
  arrive({ close: async () => { closed += 1; } } as unknown as ProviderInstance);
  await new Promise(setImmediate);
  t.equal(closed, 1);
});

t.test('what the caller takes back is no failure of the provider', async (t) => {
  const { host } = provider({ listRegions: () => never, createHosts: () => never });
  for (const run of [(context: CallContext) => host.listRegions(context), (context: CallContext) => host.createHosts([spec('k')], context)]) {
    const controller = new AbortController();
    const running = rejection(run({ signal: controller.signal }));
    controller.abort(new WombatError('WO_CANCELLED', 'the operation was cancelled'));
    t.match(await running, { code: 'WO_CANCELLED' });
  }
});

t.test('createHosts: every key is answered once, with its own machine', async (t) => {
  const specs = ['ok', 'failed', 'silent', 'twice', 'other-key', 'other-cluster', 'untagged', 'nameless', 'empty', 'garbage'].map((key) => spec(key));
  const [ok, bad, , twice, otherKey, otherCluster, untagged, nameless, empty, garbage] = specs as [HostSpec, HostSpec, HostSpec, HostSpec, HostSpec, HostSpec, HostSpec, HostSpec, HostSpec, HostSpec];
  const { host } = provider({
    createHosts: async () => [
      { key: 'nobody asked', outcome: { $case: 'machine', value: made(ok) } },
      created('ok', made(ok)), failed('failed', ProviderError.quota('full')), created('twice', made(twice)), created('twice', made(twice)),
      created('other-key', made(otherKey, { key: 'ok' })), created('other-cluster', made(otherCluster, { tags: { 'wombat-cluster': 'c2' } })),
      created('untagged', made(untagged, { tags: {} })), created('nameless', made(nameless, { machineId: '' })), { key: 'empty', outcome: undefined },
      { key: 'garbage', outcome: { $case: 'machine', value: 'i-1' } },
      bad.key === '' ? undefined : created('unasked', made(garbage)), empty.key === '' ? undefined : created('unasked-2', made(garbage)),
    ],
  });
  const results = await host.createHosts(specs, call);
  t.strictSame(results.map(({ key }) => key), specs.map(({ key }) => key), 'in the order of the request');
  t.strictSame(results[0]?.outcome, { $case: 'machine', value: made(ok) });
  const messages = Object.fromEntries(results.slice(1).map(({ key, outcome }) => [key, outcome?.$case === 'failure' ? outcome.value.message : 'a machine']));
  t.match(messages, {
    'failed': 'provider(Acme): full',
    'silent': 'provider(Acme): gave no answer for this host',
    'twice': 'provider(Acme): gave several answers for this host',
    'other-key': /tagged for another host/,
    'other-cluster': /does not carry this cluster's tag/,
    'untagged': /does not carry this cluster's tag/,
    'nameless': /a machine has no id/,
    'empty': /neither a machine nor a failure/,
    'garbage': /makes no sense|no id/,
  });
});

t.test('createHosts: the tags are ours, whatever the caller says', async (t) => {
  let seen: readonly HostSpec[] = [];
  const { host } = provider({ createHosts: async (specs: readonly HostSpec[]) => { seen = specs; return specs.map((each) => created(each.key, made(each))); } });
  await host.createHosts([{ ...spec('k'), tags: { 'team': 'x', 'wombat-cluster': 'c2' } }], call);
  t.strictSame(seen[0]?.tags, { 'team': 'x', 'wombat-cluster': 'c1', 'wombat-host': 'host-aaaaaaaaaaaa', 'wombat-key': 'k' });
});

t.test('createHosts and destroyHosts: a call that fails is the failure of each', async (t) => {
  const { host } = provider({ createHosts: async () => { throw ProviderError.throttled('slow down', 2_000); }, destroyHosts: async () => 'gone' });
  const results = await host.createHosts([spec('a'), spec('b')], call);
  for (const { outcome } of results) {
    t.match(outcome, { $case: 'failure', value: { kind: FailureKind.THROTTLED, message: 'provider(Acme): slow down', retryAfter: { seconds: 2n } } });
  }
  t.match((await host.destroyHosts(['i-1', 'i-2'], call)).map(({ failure }) => failure?.message), [/answered no list/, /answered no list/]);
});

t.test('destroyHosts: what is not answered is not gone', async (t) => {
  const { host } = provider({
    destroyHosts: async () => [
      { machineId: 'gone', failure: undefined }, { machineId: 'stuck', failure: ProviderError.unavailable('busy').toFailure() },
      { machineId: 'both', failure: undefined }, { machineId: 'both', failure: ProviderError.unavailable('no').toFailure() }, { machineId: 'stranger', failure: undefined },
    ],
  });
  t.strictSame((await host.destroyHosts(['gone', 'stuck', 'silent', 'both'], call)).map(({ machineId, failure }) => [machineId, failure?.message]), [
    ['gone', undefined], ['stuck', 'provider(Acme): busy'], ['silent', 'provider(Acme): gave no answer for this machine'], ['both', 'provider(Acme): no'],
  ]);
});

t.test('listHosts: machines of our own cluster only, each once, and nothing that could hurt a terminal', async (t) => {
  const mine = made(spec('k'), { addresses: ['10.0.0.1', 'bad address\n', '::1'] });
  const { host } = provider({
    listHosts: async () => [
      mine, mine, made(spec('x'), { machineId: 'i-foreign', tags: { 'wombat-cluster': 'c2' } }), made(spec('y'), { machineId: 'i-bare', tags: {} }),
      made(spec('z'), { machineId: 'i-odd', hostId: '../../etc' }),
    ],
  });
  const machines = await host.listHosts(call);
  t.strictSame(machines.map(({ machineId, hostId }) => [machineId, hostId]), [['i-k', 'host-aaaaaaaaaaaa'], ['i-odd', '']]);
  t.strictSame(machines[0]?.addresses, ['10.0.0.1', '::1']);
  t.match(await rejection(provider({ listHosts: async () => undefined }).host.listHosts(call)), { message: 'provider(Acme): answered no list' });
});

t.test('lists are read field by field', async (t) => {
  const { host } = provider({
    listImages: async () => ({ images: [image('i', 'Debian\u001b[31m 12')], nextPageToken: 't' }),
    listHardwareProfiles: async () => ({ hardwareProfiles: [hardwareProfile({ id: 'small', cpuCores: 2 })], nextPageToken: '' }),
    listZones: async () => [{ id: 'a', region: 'eu', secret: 'x' }],
  });
  t.strictSame(await host.listImages(page, call), { images: [image('i', 'Debian 12')], nextPageToken: 't' });
  t.strictSame(await host.listHardwareProfiles(page, call), { hardwareProfiles: [hardwareProfile({ id: 'small', cpuCores: 2 })], nextPageToken: '' });
  t.strictSame(await host.listZones('eu', call), [{ id: 'a', region: 'eu' }]);
  const tokenless = provider({ listImages: async () => ({ images: [], nextPageToken: 'x'.repeat(5_000) }) });
  t.match(await rejection(tokenless.host.listImages(page, call)), { message: /no token for the next page/ });
});

t.test('abilities that a driver lacks are refused, those it has are called', async (t) => {
  const rule = { protocol: 'tcp', fromPort: 1, toPort: 2, source: '' };
  const full = provider({
    ensureFirewall: async () => [rule], getQuota: async () => [{ name: 'hosts', limit: 5, used: 1 }],
    listPrices: async () => [{ hardwareProfile: 'small', perHour: undefined, spot: false }], getConsoleLog: async () => new Uint8Array([1, 2]),
  }).host;
  t.strictSame(await full.ensureFirewall('g', [rule], call), [rule]);
  t.strictSame(await full.getQuota('', call), [{ name: 'hosts', limit: 5, used: 1 }]);
  t.strictSame(await full.listPrices('', call), [{ hardwareProfile: 'small', perHour: undefined, spot: false }]);
  t.strictSame(await full.getConsoleLog('i', call), new Uint8Array([1, 2]));
  const { host: plain } = provider({ getConsoleLog: async () => 'text' });
  t.match(await rejection(plain.ensureFirewall('g', [rule], call)), { code: 'WO_PROVIDER_INVALID', message: 'provider(Acme): this driver has no ensureFirewall' });
  t.match(await rejection(plain.getConsoleLog('i', call)), { message: 'provider(Acme): answered no bytes' });
});

t.test('closing ends what is under way, lets the plugin go, and bounds that too', async (t) => {
  let closed = 0;
  const { host } = provider({ listRegions: () => never, close: async () => { closed += 1; await never; } }, { timeouts: { closeMs: 20 } });
  const running = rejection(host.listRegions(call));
  await new Promise(setImmediate);
  await host.close();
  t.match(await running, { code: 'WO_UNAVAILABLE' });
  t.equal(closed, 1);
  t.match(await rejection(host.listRegions(call)), { code: 'WO_UNAVAILABLE', message: 'provider(Acme): it is being closed' });
});
