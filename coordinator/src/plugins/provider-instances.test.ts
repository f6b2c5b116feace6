import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineProvider, ProviderError, z, type ProviderConfiguration, type ProviderInstance } from '@wombat/plugin-sdk';
import { WombatError, type Clock } from '@wombat/proto';
import t, { type Test } from 'tap';
import type { Provider } from '../domain/model/provider.js';
import { Catalog } from './catalog.js';
import { ProviderInstances } from './provider-instances.js';

const call = { signal: new AbortController().signal } as const;
const row: Provider = {
  id: 'prv-aaaaaaaaaaaa', name: 'Acme', revision: 1, generation: 1, observedGeneration: 1, createdAt: 0, updatedAt: 0, driver: 'acme',
  settings: { region: 'eu' }, sealedSecrets: { token: 'sealed' }, identity: '',
};

interface Setup {
  readonly instances: ProviderInstances;
  readonly configurations: ProviderConfiguration[];
  readonly steps: string[];
  readonly lines: { fields: Readonly<Record<string, unknown>>; message: string }[];
  readonly directory: string;
  secret: string;
  breaks: boolean;
  hangs: boolean;
  time: number;
}

function setup(t: Test, adoptWaitMs = 10_000): Setup {
  const directory = mkdtempSync(join(tmpdir(), 'wombat-instances-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const plugin = defineProvider({
    name: 'acme', version: '1', apiVersions: ['provider.v1'], summary: '', abilities: { maxInstallPayloadBytes: 10 },
    settings: z.object({ region: z.string(), token: z.secret() }),
    async connect(configuration) {
      if (self.hangs) await new Promise(() => undefined);
      if (self.breaks) throw ProviderError.auth('no');
      self.configurations.push(configuration);
      self.steps.push('connect');
      return {
        listRegions: async () => [],
        close: async () => {
          await new Promise(setImmediate);
          self.steps.push('closed');
        },
      } as unknown as ProviderInstance;
    },
  });
  const write = (fields: Readonly<Record<string, unknown>>, message: string) => void self.lines.push({ fields, message });
  const self: Setup = {
    configurations: [], steps: [], lines: [], directory, secret: 'canary-1', breaks: false, hangs: false, time: 0,
    instances: new ProviderInstances({
      catalog: new Catalog([{ source: 'test', plugin }]), clusterId: 'c1', dataDirectory: directory, openSecrets: () => ({ token: self.secret }),
      adoptWaitMs, timeouts: { closeMs: 20 }, clock: { monotonic: () => self.time } as Clock,
      sources: {
        log: { debug: write, info: write, warn: write, error: write },
        installPayload: async (providerId, hostId) => new TextEncoder().encode(hostId.endsWith('b') ? 'short' : `${providerId} ${hostId}`),
        agentCommand: async (providerId, hostId) => ({ argv: [providerId, hostId], environment: {}, joinToken: '' }),
        agentPackage: async () => undefined,
        metric: (name, value, labels) => write({ value, ...labels }, name),
      },
    }),
  };
  return self;
}

t.test('one instance for each provider, connected with its secrets in a directory of its own', async (t) => {
  const self = setup(t);
  const host = await self.instances.get(row);
  t.equal(self.steps.length, 0, 'not before the first call');
  t.notOk(existsSync(join(self.directory, row.id)));
  await host.listRegions(call);
  t.match(self.configurations[0], { settings: { region: 'eu', token: 'canary-1' }, providerId: row.id, clusterId: 'c1', dataDirectory: join(self.directory, row.id) });
  t.equal(statSync(join(self.directory, row.id)).mode & 0o777, 0o700);
  t.equal(await self.instances.get(row), host);
  t.equal(await self.instances.get({ ...row, revision: 2, verifiedAt: 5, identity: 'x' }), host, 'a write that changes nothing for the driver leaves it alone');
  t.equal(await self.instances.get({ ...row, revision: 2 }), host);
});

t.test('changed settings or secrets make a new instance, after the old one has ended', async (t) => {
  const self = setup(t);
  const first = await self.instances.get(row);
  await first.listRegions(call);
  const second = await self.instances.get({ ...row, revision: 2, settings: { region: 'us' } });
  t.not(second, first);
  await second.listRegions(call);
  self.secret = 'canary-2';
  await (await self.instances.get({ ...row, revision: 3, settings: { region: 'us' } })).listRegions(call);
  t.strictSame(self.steps, ['connect', 'closed', 'connect', 'closed', 'connect']);
  t.strictSame(self.configurations.map(({ settings }) => settings), [
    { region: 'eu', token: 'canary-1' }, { region: 'us', token: 'canary-1' }, { region: 'us', token: 'canary-2' },
  ]);
});

t.test('removing and stopping let the plugins go', async (t) => {
  const self = setup(t);
  await (await self.instances.get(row)).listRegions(call);
  await self.instances.remove(row.id);
  t.strictSame(self.steps, ['connect', 'closed']);
  await self.instances.remove(row.id);
  await (await self.instances.get(row)).listRegions(call);
  await self.instances.close();
  t.strictSame(self.steps, ['connect', 'closed', 'connect', 'closed']);
  await t.rejects(self.instances.get({ ...row, revision: 9, name: 'Other' }), { code: 'WO_UNAVAILABLE' });
});

t.test('adopting connects all, and a provider that cannot be connected stops nobody', async (t) => {
  const self = setup(t);
  self.breaks = true;
  await self.instances.adopt([row, { ...row, id: 'prv-bbbbbbbbbbbb', driver: 'gone' }]);
  t.strictSame(self.lines.map(({ message }) => message).sort(), ['provider(Acme): no', 'there is no driver "gone"']);
  self.breaks = false;
  await self.instances.adopt([row]);
  t.strictSame(self.steps, ['connect']);
});

t.test('a provider that hangs does not hold up the start', async (t) => {
  // Deadlines do not keep a process alive.
  const alive = setInterval(() => undefined, 1_000);
  t.teardown(() => clearInterval(alive));
  const self = setup(t, 20);
  self.hangs = true;
  await self.instances.adopt([row]);
  t.strictSame(self.steps, [], 'it goes on without it');
  await self.instances.close();
});

t.test('a directory is only made for what is shaped like an id', async (t) => {
  const self = setup(t);
  const host = self.instances.open({ id: '../../etc', name: 'Evil', driver: 'acme', settings: { region: 'eu', token: 'x' } });
  await t.rejects(host.listRegions(call), { code: 'WO_PROVIDER_UNAVAILABLE', message: /is no id of a provider/ });
});

t.test('host services: what a provider is given is its own', async (t) => {
  const self = setup(t);
  await (await self.instances.get(row)).listRegions(call);
  const { host } = self.configurations[0]!;
  t.strictSame((await host.agentCommand('host-aaaaaaaaaaaa')).argv, [row.id, 'host-aaaaaaaaaaaa'], 'the coordinator knows who asks');
  await t.rejects(host.agentCommand('../etc'), /no id of a host/);
  t.equal(new TextDecoder().decode(await host.installPayload('host-aaaaaaaaaaab')), 'short');
  await t.rejects(host.installPayload('host-aaaaaaaaaaaa'), /the install payload has 34 bytes, this driver takes 10/);
  host.metric('calls', 1, { kind: 'x' });
  host.metric('calls', Number.NaN);
  t.strictSame(self.lines, [{ fields: { value: 1, kind: 'x', provider: row.id }, message: 'calls' }]);
});

t.test('host services: log lines bear the name, hold no secret, and cannot drown the log', async (t) => {
  const self = setup(t);
  await (await self.instances.get(row)).listRegions(call);
  const { log } = self.configurations[0]!.host;
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  log.info('using canary-1\nnow', { key: 'canary-1', count: 2, error: new Error('canary-1'), nested: { a: 'canary-1' }, circular });
  t.strictSame(self.lines, [{
    message: 'provider(Acme): using *** now',
    fields: { key: '***', count: 2, error: '***', nested: '{"a":"***"}', circular: '[object Object]', providerId: row.id },
  }]);
  for (let line = 0; line < 1_000; line += 1) log.debug('flood');
  t.equal(self.lines.length, 200, 'a burst, then silence');
  self.time = 1_000;
  log.warn('later');
  t.match(self.lines.at(-1), { message: 'provider(Acme): later', fields: { droppedLines: 801 } });
});

t.test('what get throws is a WombatError', async (t) => {
  const self = setup(t);
  const error: unknown = await self.instances.get({ ...row, driver: 'acm' }).catch((caught: unknown) => caught);
  t.ok(WombatError.is(error) && error.code === 'WO_DRIVER_UNKNOWN');
});
