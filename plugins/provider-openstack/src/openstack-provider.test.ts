import { FailureKind, systemClock, type Clock, type HostSpec, type JsonObject } from '@wombat/plugin-sdk';
import { connectForTest } from '@wombat/plugin-sdk/testing';
import t from 'tap';
import { plugin } from './index.js';
import { clusterId, providerUnderTest } from './testing/provider-under-test.js';
import { loginAnswer, ScriptedCloud, versionAnswer, type ScriptedAnswer, type ScriptedRequest } from './testing/scripted-cloud.js';
import { maxInstallPayloadBytes } from './user-data.js';

const context = { signal: new AbortController().signal };
const spec: HostSpec = {
  key: 'host-a', hostId: 'host-a', image: '6c0d0d0f-4a57-4bb4-a7c8-6b3c51cd7a7e', hardwareProfile: '1', region: '', zone: '', tags: {}, firewallGroup: '', spot: false, labels: [],
};

type Script = (request: ScriptedRequest, base: string) => ScriptedAnswer | 'hang' | undefined;

/** A cloud that logs everybody in, and answers the rest as the script says. */
async function cloudWith(t: Parameters<typeof ScriptedCloud.open>[0], script: Script): Promise<{ cloud: ScriptedCloud; settings: JsonObject }> {
  let logins = 0;
  const cloud = await ScriptedCloud.open(t, (request, base) => {
    const answer = script(request, base);
    if (answer) return answer;
    if (request.path === '/v3/auth/tokens') return loginAnswer(base, `token-${(logins += 1)}`);
    if (request.path === '/compute/v2.1/') return versionAnswer;
    if (request.path.startsWith('/compute/v2.1/flavors')) return { status: 200, body: { flavors: [{ id: '1', name: 'small', vcpus: 1, ram: 1, disk: 1 }] } };
    if (request.path.startsWith('/compute/v2.1/servers/detail')) return { status: 200, body: { servers: [] } };
    return { status: 404 };
  });
  return { cloud, settings: { authUrl: cloud.base, userName: 'u', password: 'a-secret-word', projectName: 'p' } };
}

async function thrown(promise: Promise<unknown>): Promise<Error> {
  return (await promise.then(() => new Error('nothing was thrown'), (error: unknown) => error)) as Error;
}

t.test('the plugin describes itself, judges its settings and loads the rest when it is connected', async (t) => {
  const { settings } = await cloudWith(t, ({ path }) => {
    if (path.startsWith('/compute/v2.1/limits')) return { status: 200, body: { limits: { absolute: { maxTotalInstances: 5, totalInstancesUsed: 1, maxTotalCores: -1, totalCoresUsed: 0, maxTotalRAMSize: 2, totalRAMUsed: 1 } } } };
    return path.startsWith('/image/v2/images') ? { status: 200, body: { images: [] } } : undefined;
  });
  t.strictSame(plugin.validate(settings).notes, []);
  t.strictSame(plugin.secretSettings, ['applicationCredentialSecret', 'password']);
  const { instance } = await connectForTest(plugin, { settings });
  t.match(await instance.verify(context), { identity: 'user u, project p, region One', notes: [{ message: /reader only/ }] });
  t.strictSame(await instance.getQuota!('One', context), [
    { name: 'hosts', limit: 5, used: 1 }, { name: 'memory', limit: 2 * 1024 ** 2, used: 1024 ** 2 },
  ], 'what is not limited is left out; memory is in bytes');
  t.match(await thrown(instance.getQuota!('Two', context)), { kind: FailureKind.INVALID, field: 'region' });
});

t.test('settings that do not fit are told by name, without secrets', async (t) => {
  const login = { userName: 'u', password: 'a-secret-word', projectName: 'p' };
  const authUrl = 'https://cloud.example.org:5000/v3';
  const wrong: readonly [string, JsonObject, RegExp][] = [
    ['authUrl', { ...login, authUrl: 'ftp://cloud' }, /is no address/],
    ['authUrl', { ...login, authUrl: 'https://me:secret@cloud' }, /settings of their own/],
    ['', { authUrl, userName: 'u' }, /give either/],
    ['', { ...login, authUrl, applicationCredentialId: 'i', applicationCredentialSecret: 'another-secret' }, /give either/],
    ['interface', { ...login, authUrl, interface: 'admin' }, /./],
    ['metadata.wombat-key', { ...login, authUrl, metadata: '{"wombat-key":"x"}' }, /./],
  ];
  for (const [field, settings, message] of wrong) {
    const { notes } = plugin.validate(settings);
    t.match(notes, [{ field, message }], `${JSON.stringify(settings)} is refused`);
    t.notMatch(JSON.stringify(notes), /me:secret/);
  }
  t.strictSame(plugin.validate({ authUrl, applicationCredentialId: 'i', applicationCredentialSecret: 's', networks: 'a, b', configDrive: 'no' }).settings, {
    authUrl, applicationCredentialId: 'i', applicationCredentialSecret: 's', networks: ['a', 'b'], configDrive: false,
  });
});

t.test('a token is renewed before its end, with one login for all who wait', async (t) => {
  let nowMs = 0;
  const clock: Clock = { ...systemClock, monotonic: () => nowMs };
  const { cloud, settings } = await cloudWith(t, () => undefined);
  const provider = providerUnderTest(settings, clock);
  const logins = (): number => cloud.requests.filter(({ path }) => path === '/v3/auth/tokens').length;
  await Promise.all([provider.listHosts(context), provider.listHosts(context), provider.listRegions(context)]);
  t.equal(logins(), 1);
  nowMs = 54 * 60_000;
  await provider.listHosts(context);
  t.equal(logins(), 1, 'it has six minutes left');
  nowMs = 56 * 60_000;
  await provider.listHosts(context);
  t.equal(logins(), 2, 'it has four minutes left');
  t.equal(cloud.requests.at(-1)?.token, 'token-2');
});

t.test('a service that refuses a new token too is told as it is, after one renewal', async (t) => {
  const { cloud, settings } = await cloudWith(t, ({ path }) => (path.startsWith('/compute') ? { status: 401, body: { error: { message: 'token-2 is not for you.' } } } : undefined));
  const error = await thrown(providerUnderTest(settings, systemClock).listHosts(context));
  t.match(error, { kind: FailureKind.AUTH, message: 'nova: *** is not for you' });
  t.equal(cloud.requests.filter(({ path }) => path === '/v3/auth/tokens').length, 2);
});

t.test('throttling is reported with what the cloud asks for, and not slept through', async (t) => {
  let retryAfter: string | undefined = '7';
  const { settings } = await cloudWith(t, ({ path }) =>
    (path.includes('/servers/detail') ? { status: 429, ...(retryAfter ? { headers: { 'retry-after': retryAfter } } : {}) } : undefined));
  const provider = providerUnderTest(settings, systemClock);
  t.match(await thrown(provider.listHosts(context)), { kind: FailureKind.THROTTLED, retryAfterMs: 7_000 });
  retryAfter = new Date(Date.now() + 60_000).toUTCString();
  const byDate = (await thrown(provider.listHosts(context))) as unknown as { retryAfterMs: number };
  t.ok(byDate.retryAfterMs > 50_000 && byDate.retryAfterMs <= 60_000, `a date is understood: ${byDate.retryAfterMs} ms`);
  retryAfter = undefined;
  t.match(await thrown(provider.listHosts(context)), { kind: FailureKind.THROTTLED, retryAfterMs: 5_000 });
});

t.test('what Nova refuses is told without the user-data that it quotes', async (t) => {
  let sent = '';
  const { settings } = await cloudWith(t, ({ method, path, body }) => {
    if (method !== 'POST' || path !== '/compute/v2.1/servers') return undefined;
    sent = (JSON.parse(body) as { server: { user_data: string } }).server.user_data;
    return { status: 400, body: { badRequest: { message: `Invalid input for field user_data. Value: ${sent}.` } } };
  });
  const { instance } = await connectForTest(plugin, { settings });
  const [result] = await instance.createHosts([spec], context);
  t.match(result?.outcome, { $case: 'failure', value: { kind: FailureKind.INVALID, field: 'installPayload' } });
  t.not(sent, '');
  t.notOk(JSON.stringify(result).includes(sent), 'the payload holds a join token');
});

t.test('an install payload that is too long is refused before a server is asked for', async (t) => {
  const { cloud, settings } = await cloudWith(t, () => undefined);
  const { instance } = await connectForTest(plugin, { settings, installPayload: () => new Uint8Array(maxInstallPayloadBytes + 1) });
  const [result] = await instance.createHosts([spec], context);
  t.match(result?.outcome, { value: { kind: FailureKind.INVALID, field: 'installPayload', message: /49150 bytes, a server takes 49149/ } });
  t.notOk(cloud.requests.some(({ method, path }) => method === 'POST' && path.startsWith('/compute')));
});

t.test('a call that is given up ends at once', async (t) => {
  const abort = new AbortController();
  const { settings } = await cloudWith(t, ({ path }) => {
    if (!path.includes('/servers/detail')) return undefined;
    setImmediate(() => abort.abort(new Error('given up')));
    return 'hang';
  });
  const provider = providerUnderTest(settings, systemClock);
  t.match(await thrown(provider.listHosts({ signal: abort.signal })), /given up/);
  const [result] = await provider.createHosts([spec], { signal: abort.signal });
  t.match(result?.outcome, { $case: 'failure', value: { message: 'given up' } });
});

t.test('who does not answer as a cloud does is no danger', async (t) => {
  let answer: ScriptedAnswer = { status: 200, body: '<html>' };
  const { cloud, settings } = await cloudWith(t, ({ path }) => (path.includes('/servers/detail') ? answer : undefined));
  const provider = providerUnderTest(settings, systemClock);
  const wrong: readonly [ScriptedAnswer, FailureKind, RegExp][] = [
    [answer, FailureKind.UNAVAILABLE, /nova answers what is none of its answers/],
    [{ status: 200, body: { servers: [{ id: '../../x', status: 'ACTIVE' }] } }, FailureKind.UNAVAILABLE, /at servers[.]0[.]id/],
    [{ status: 200, body: 'x'.repeat(17 * 1024 * 1024) }, FailureKind.UNAVAILABLE, /more than 16777216 bytes/],
    [{ status: 302, headers: { location: 'http://127.0.0.1:1/' } }, FailureKind.INVALID, /nova answers 302/],
    [{ status: 503, body: 'busy' }, FailureKind.UNAVAILABLE, /nova answers 503/],
    [{ status: 403, body: { forbidden: { message: 'Policy\u001b[31m does\n not allow it' } } }, FailureKind.AUTH, /^nova: policy \[31m does not allow it$/],
  ];
  for (const [said, kind, message] of wrong) {
    answer = said;
    t.match(await thrown(provider.listHosts(context)), { kind, message }, `status ${said.status}`);
  }
  await cloud.close();
  t.match(await thrown(provider.listHosts(context)), { kind: FailureKind.UNAVAILABLE, message: /^nova at http:\/\/127[.]0[.]0[.]1:\d+ (refuses connections|cannot be reached)/ });
  t.match(await thrown(providerUnderTest(settings, systemClock).listHosts(context)), { message: /keystone at .* refuses connections/ });
});

t.test('an address that is no Keystone is the fault of authUrl', async (t) => {
  for (const answer of [{ status: 404 }, { status: 301 }, { status: 200, body: { hello: 'world' } }]) {
    const cloud = await ScriptedCloud.open(t, () => answer);
    const settings = { authUrl: `${cloud.base}/identity`, userName: 'u', password: 'p', projectName: 'p' };
    t.match(await thrown(providerUnderTest(settings, systemClock).listRegions(context)), { kind: FailureKind.INVALID, field: 'authUrl' }, `status ${answer.status}`);
    t.equal(cloud.requests[0]?.path, '/identity/v3/auth/tokens', 'the version is put behind it');
  }
});

t.test('a group without rules goes when no server bears it any more, and not while one may be on its way', async (t) => {
  const id = '6c0d0d0f-4a57-4bb4-a7c8-6b3c51cd7a7e';
  let isInUse = true;
  const { cloud, settings } = await cloudWith(t, ({ method, path }) => {
    if (method === 'DELETE' && isInUse) return { status: 409, body: { NeutronError: { type: 'SecurityGroupInUse', message: `Security Group ${id} in use.` } } };
    if (method === 'DELETE') return { status: 204 };
    return path.startsWith('/network/v2.0/security-groups') ? { status: 200, body: { security_groups: [{ id, security_group_rules: [] }] } } : undefined;
  });
  let nowMs = 0;
  const provider = providerUnderTest(settings, { ...systemClock, monotonic: () => nowMs });
  const deletions = (): number => cloud.requests.filter(({ method }) => method === 'DELETE').length;
  await provider.createHosts([{ ...spec, firewallGroup: 'web' }], context);
  await provider.ensureFirewall!('web', [], context);
  t.equal(deletions(), 0, 'a server may be on its way into it');
  nowMs = 61_000;
  t.strictSame(await provider.ensureFirewall!('web', [], context), [], 'one that is in use is no failure');
  isInUse = false;
  await provider.ensureFirewall!('web', [], context);
  t.equal(deletions(), 2, 'it is tried again');
});

t.test('a server of others is not destroyed, whatever id is given', async (t) => {
  const id = '6c0d0d0f-4a57-4bb4-a7c8-6b3c51cd7a7e';
  let cluster = 'another';
  const { cloud, settings } = await cloudWith(t, ({ method, path }) => {
    if (path !== `/compute/v2.1/servers/${id}`) return undefined;
    return method === 'DELETE' ? { status: 204 } : { status: 200, body: { server: { id, status: 'ACTIVE', metadata: { 'wombat-cluster': cluster } } } };
  });
  const provider = providerUnderTest(settings, systemClock);
  const deletions = (): number => cloud.requests.filter(({ method }) => method === 'DELETE').length;
  t.strictSame(await provider.destroyHosts([id], context), [{ machineId: id, failure: undefined }], 'for us it is not there');
  t.equal(deletions(), 0);
  cluster = clusterId;
  await provider.destroyHosts([id], context);
  t.equal(deletions(), 1);
});
