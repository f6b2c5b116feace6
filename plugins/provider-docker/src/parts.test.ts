import { FailureKind, MachineState, NoteLevel, type HostSpec } from '@wombat/plugin-sdk';
import type { ContainerInfo } from 'dockerode';
import { list } from 'tar';
import t from 'tap';
import { archive } from './archive.js';
import { withoutFrames } from './console-log.js';
import { containerPlan } from './container-plan.js';
import { toProviderError } from './engine-error.js';
import { hostFiles } from './host-files.js';
import { plugin } from './index.js';
import { toMachine } from './machine-of.js';
import { dockerSettings } from './settings.js';

const settings = dockerSettings.parse({});
const spec: HostSpec = {
  key: 'key-a', hostId: 'host-aaaaaaaaaaaa', image: 'debian:12', hardwareProfile: 'small', region: '', zone: '', tags: { team: 'riak' }, firewallGroup: '', spot: false, labels: [],
};
const container = {
  Id: 'f00d', Names: ['/wombat-c1-key-a'], Image: 'debian:12', Created: 1_767_323_045, State: 'running', Status: 'Up 2 minutes',
  Labels: { 'wombat-cluster': 'c1', 'wombat-host': 'host-aaaaaaaaaaaa', 'wombat-key': 'key-a' },
  NetworkSettings: { Networks: { bridge: { IPAddress: '172.17.0.2', GlobalIPv6Address: '2001:db8::2' }, other: { IPAddress: '10.0.0.2', GlobalIPv6Address: '' } } },
} as unknown as ContainerInfo;

t.test('settings', async (t) => {
  const faults = (given: Readonly<Record<string, unknown>>): string[] => plugin.validate(given).notes.filter(({ level }) => level === NoteLevel.ERROR).map(({ field }) => field.split('.')[0]!);
  t.strictSame(faults({}), [], 'none is needed');
  t.strictSame(faults({ host: 'engine.example.org', ca: 'a', cert: 'b', key: 'c', hardwareProfiles: '{"tiny":{"cpus":0.5,"memoryMb":256}}' }), []);
  t.strictSame(faults({ host: 'engine.example.org', ca: 'a' }), ['host'], 'TLS is whole or not at all');
  t.strictSame(faults({ key: 'c' }), ['host'], 'and needs a host');
  for (const network of ['host', 'none', 'container:x']) t.strictSame(faults({ network }), ['network'], `${network} gives no addresses`);
  t.strictSame(faults({ labels: '{"wombat-key":"x"}' }), ['labels'], 'labels of our own are not for settings');
  t.strictSame(faults({ hardwareProfiles: {} }), ['hardwareProfiles']);
  t.strictSame(plugin.secretSettings, ['ca', 'cert', 'key']);
});

t.test('a container is named by its key, labelled, limited, and shows no payload', async (t) => {
  const plan = containerPlan(spec, { ...settings, labels: { owner: 'me' } }, 'c1');
  t.match(plan, {
    name: 'wombat-c1-key-a', Image: 'debian:12', Hostname: 'host-aaaaaaaaaaaa', Cmd: ['wombat-agent'],
    Labels: { 'owner': 'me', 'team': 'riak', 'wombat-cluster': 'c1', 'wombat-host': 'host-aaaaaaaaaaaa', 'wombat-key': 'key-a' },
    HostConfig: { Init: true, RestartPolicy: { Name: 'unless-stopped' }, NetworkMode: 'bridge', NanoCpus: 1e9, Memory: 1024 ** 3, MemorySwap: 1024 ** 3 },
  });
  t.throws(() => containerPlan({ ...spec, hardwareProfile: 'smal' }, settings, 'c1'), { kind: FailureKind.INVALID, field: 'hardwareProfile', message: /did you mean small/ });
  t.throws(() => containerPlan({ ...spec, hardwareProfile: 'constructor' }, settings, 'c1'), { field: 'hardwareProfile', message: /there are small, medium, large/ });
});

t.test('the payload is a file that only root of the container reads', async (t) => {
  const files: unknown[] = [];
  const reader = list({ onReadEntry: ({ path, mode, uid, gid, size }) => files.push({ path, mode, uid, gid, size }) });
  await new Promise<void>((resolve, reject) => {
    reader.on('end', resolve).on('error', reject);
    void hostFiles(Buffer.alloc(513), '/opt/wombat-agent/versions/f00d').then((bytes) => reader.end(bytes), reject);
  });
  t.match(files, [{ path: 'etc/wombat-host/start.sh', mode: 0o755, uid: 0, gid: 0 }, { path: 'etc/wombat-host/install', mode: 0o600, uid: 0, gid: 0, size: 513 }, { path: 'opt/wombat-agent/versions/f00d/', mode: 0o755, size: 0 }]);
  t.throws(() => archive([{ path: 'x'.repeat(300), mode: 0o600, content: Buffer.alloc(0) }]), /too long/);
});

t.test('a container as a machine', async (t) => {
  const machine = toMachine(container);
  t.match(machine, { machineId: 'f00d', key: 'key-a', hostId: 'host-aaaaaaaaaaaa', addresses: ['172.17.0.2', '10.0.0.2', '2001:db8::2'], createdAt: new Date('2026-01-02T03:04:05Z') });
  const states = [
    ['created', 'Created', 'CREATING'], ['running', 'Up 2 minutes', 'RUNNING'], ['paused', 'Up (Paused)', 'STOPPED'], ['exited', 'Exited (0) 1 second ago', 'STOPPED'],
    ['exited', 'Exited (137) 1 second ago', 'FAILED'], ['restarting', 'Restarting (1) 1 second ago', 'FAILED'], ['removing', 'Removal In Progress', 'DESTROYING'], ['dead', 'Dead', 'FAILED'], ['new', '', 'UNSPECIFIED'],
  ] as const;
  for (const [State, Status, state] of states) t.equal(toMachine({ ...container, State, Status }).state, MachineState[state], `${State}: ${Status}`);
  t.strictSame(toMachine({ ...container, NetworkSettings: { Networks: {} } }).addresses, []);
});

t.test('the console, without the frames of its streams', async (t) => {
  const frame = (stream: number, text: string): Buffer => Buffer.concat([Buffer.from([stream, 0, 0, 0, 0, 0, 0, text.length]), Buffer.from(text)]);
  t.equal(withoutFrames(Buffer.concat([frame(1, 'out\n'), frame(2, 'error\n')])).toString(), 'out\nerror\n');
  t.equal(withoutFrames(Buffer.concat([frame(1, 'whole\n'), frame(1, 'cut off').subarray(0, 11)])).toString(), 'whole\ncut');
  t.equal(withoutFrames(Buffer.from('abc')).length, 0);
});

t.test('what an engine says', async (t) => {
  const said: readonly (readonly [number, string, keyof typeof FailureKind, string])[] = [
    [404, 'No such image: nothere:12', 'INVALID', 'image'],
    [404, 'pull access denied for nothere, repository does not exist or may require \'docker login\'', 'INVALID', 'image'],
    [404, 'manifest for debian:99 not found: manifest unknown', 'INVALID', 'image'],
    [404, 'network nonet not found', 'INVALID', 'network'],
    [400, 'Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available', 'INVALID', 'hardwareProfile'],
    [400, 'something else', 'INVALID', ''],
    [404, 'No such container: f00d', 'NOT_FOUND', ''],
    [409, 'Conflict. The container name "/x" is already in use', 'UNAVAILABLE', ''],
    [500, 'no available IPv4 addresses on this network\'s address pools: bridge', 'CAPACITY', ''],
    [500, 'write /var/lib/docker/x: no space left on device', 'CAPACITY', ''],
    [500, 'toomanyrequests: You have reached your pull rate limit.', 'THROTTLED', ''],
    [500, 'Get "http://localhost:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused', 'UNAVAILABLE', ''],
    [403, 'authorization denied by plugin', 'AUTH', ''],
    [429, 'slow down', 'THROTTLED', ''],
  ];
  for (const [statusCode, message, kind, field] of said) {
    const error = toProviderError(Object.assign(new Error('x'), { statusCode, json: { message } }), 'the engine');
    t.strictSame([FailureKind[error.kind], error.field], [kind, field], message);
    t.notMatch(error.message, /^[A-Z][a-z]|\.$/);
  }
});

t.test('what comes of a connection', async (t) => {
  const codes = {
    EACCES: ['AUTH', '', /group docker/], ENOENT: ['UNAVAILABLE', '', /is it running/], ECONNREFUSED: ['UNAVAILABLE', '', /no engine listens/], ENOTFOUND: ['INVALID', 'host', /no such host/],
    ECONNRESET: ['UNAVAILABLE', '', /ECONNRESET/], ERR_OSSL_PEM_NO_START_LINE: ['INVALID', 'key', /PEM/], UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['INVALID', 'ca', /authority/],
    ERR_TLS_CERT_ALTNAME_INVALID: ['INVALID', 'host', /another name/], ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: ['AUTH', '', /refuses/],
  } as const;
  for (const [code, [kind, field, message]] of Object.entries(codes)) {
    const error = toProviderError(Object.assign(new Error('x'), { code }), 'the engine at /run/docker.sock');
    t.match([FailureKind[error.kind], error.field, error.message], [kind, field, message], code);
  }
});
