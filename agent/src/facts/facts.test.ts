import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@wombat/proto';
import t from 'tap';
import { memoryLog } from '../testing/log-memory.js';
import { cloudAttributes } from './cloud.js';
import { findErts } from './erts.js';
import { parseHardware } from './hardware.js';
import { HardwareProbe } from './hardware-probe.js';
import { findAddresses, readHostFacts } from './host-facts.js';
import { HostReporter } from './host-reporter.js';
import { findOpenssl } from './openssl.js';
import { Sampler } from './sampler.js';

const hardware = { manufacturer: 'Acme', model: 'One', isVirtual: true, hypervisor: 'KVM', physicalCores: 2 };

t.test('a sample is made of differences and of what stands, and asks for the disk seldom', async (t) => {
  const texts: Record<string, string> = {
    '/proc/stat': 'cpu  100 0 0 900 0 0 0 0 0 0\n', '/proc/loadavg': '1.5 1 1 1/1 1\n', '/proc/meminfo': 'MemAvailable: 2 kB\n',
    '/proc/net/dev': 'eth0: 10 0 0 0 0 0 0 0 20 0 0 0 0 0 0 0\n', '/proc/self/status': 'Name:\tnode\nVmRSS:\t      12 kB\n',
  };
  let asked = 0;
  const sampler = new Sampler({ directory: '/', read: (path) => texts[path], freeBytes: () => BigInt(++asked * 1000), now: () => 5_000 });
  texts['/proc/stat'] = 'cpu  125 0 0 975 0 0 0 0 0 0\n';
  t.same(sampler.sample(), {
    cpuUtilisation: 0.25, load1m: 1.5, memoryAvailableBytes: 2048n, diskFreeBytes: 1000n,
    networkReceivedBytes: 10n, networkSentBytes: 20n, agentResidentBytes: 12_288n, time: new Date(5_000),
  }, 'all of it');
  for (let count = 0; count < 9; count++) sampler.sample();
  t.equal(asked, 1, 'ten samples ask the disk once');
  t.equal(sampler.sample().diskFreeBytes, 2000n, 'the eleventh asks again');
});

t.test('a sample of this machine is sensible', async (t) => {
  const sample = new Sampler({ directory: '/' }).sample();
  t.ok(sample.memoryAvailableBytes > 1_000_000n && sample.diskFreeBytes > 0n && sample.agentResidentBytes > 10_000_000n, 'memory, disk and the agent itself');
  t.ok(sample.cpuUtilisation >= 0 && sample.cpuUtilisation <= 1, 'a share of the time');
  t.equal(new Sampler({ directory: '/', read: () => undefined, freeBytes: () => 0n }).sample().load1m, 0, 'files that cannot be read give zeros');
});

t.test('what cloud-init was told by the cloud; nothing from what is no such file', async (t) => {
  const told = (content: unknown) => cloudAttributes(() => (typeof content === 'string' ? content : JSON.stringify(content)));
  const values = (content: unknown) => Object.fromEntries(told(content).map(({ key, value }) => [key, value?.kind?.value]));
  t.strictSame(values({ v1: { cloud_name: 'aws', region: 'eu-west-1', availability_zone: 'eu-west-1b', instance_id: 'i-1' }, ds: { 'meta-data': { 'instance-type': 't3.small' } } }), {
    'cloud.name': 'aws', 'cloud.region': 'eu-west-1', 'cloud.zone': 'eu-west-1b', 'cloud.instance-id': 'i-1', 'cloud.instance-type': 't3.small',
  });
  t.strictSame(values({ v1: { cloud_name: 'nocloud', region: null, availability_zone: 5, instance_id: 'x'.repeat(200) } }), { 'cloud.name': 'nocloud' }, 'what is no short text is left out');
  for (const content of ['', '{', '[]', 'null', '"text"', '{"v1": 1}', 'x'.repeat(2_000_000)]) t.strictSame(told(content), [], JSON.stringify(content.slice(0, 10)));
  t.strictSame(cloudAttributes(() => undefined), [], 'no cloud-init');
});

t.test('an Erlang is found by the layout of its directory, without being started', async (t) => {
  const root = t.testdir({ erlang: { 'erts-13.1.5': {}, bin: {}, releases: { 25: {}, RELEASES: '' } }, bin: {} });
  writeFileSync(join(root, 'erlang/bin/erl'), '');
  chmodSync(join(root, 'erlang/bin/erl'), 0o755);
  symlinkSync(join(root, 'erlang/bin/erl'), join(root, 'bin/erl'));
  const expected = [{ version: '13.1.5', otpRelease: '25', path: join(root, 'erlang') }];
  t.same(findErts(join(root, 'bin'), []), expected, 'by the link in PATH');
  t.same(findErts('', [join(root, 'erlang'), join(root, 'nothing')]), expected, 'by the usual places');
  t.same(findErts(`${join(root, 'bin')}:relative`, [join(root, 'erlang')]), expected, 'the same one is told once');
});

t.test("OpenSSL's version is read from its library, across the pieces that are read", async (t) => {
  const directory = t.testdir({});
  t.equal(findOpenssl([directory]), '', 'none is there');
  const library = Buffer.alloc(200_000);
  library.write('see OpenSSL for more', 10);
  library.write('OpenSSL 3.0.15 3 Sep 2024', 64 * 1024 - 5);
  writeFileSync(join(directory, 'libcrypto.so.3'), library);
  t.equal(findOpenssl([join(directory, 'missing'), directory]), '3.0.15', 'the version');
});

t.test('addresses: the configured one first, none twice, none that only the link knows', async (t) => {
  const address = (family: 'IPv4' | 'IPv6', text: string, internal = false) => ({ address: text, family, internal, netmask: '', mac: '', cidr: null, scopeid: 0 });
  const interfaces = {
    lo: [address('IPv4', '127.0.0.1', true)],
    eth0: [address('IPv6', 'fd00::2'), address('IPv6', 'fe80::1'), address('IPv4', '10.0.0.2'), address('IPv4', '169.254.1.1')],
  };
  t.same(findAddresses(undefined, interfaces as never), ['10.0.0.2', 'fd00::2'], 'IPv4 first');
  t.same(findAddresses('fd00::2', interfaces as never), ['fd00::2', '10.0.0.2'], 'what was configured comes first');
});

t.test('the facts of this machine', async (t) => {
  const facts = readHostFacts({ address: '127.0.0.2', labels: [{ key: 'label.zone', value: { kind: { $case: 'text', value: 'a' } } }] }, hardware);
  t.match(facts, { hostname: String, platform: { os: 'linux', arch: process.arch }, kernel: /^\d/, cpuCores: Number }, 'the platform');
  t.ok(facts.cpuCores > 0 && facts.memoryBytes > 1_000_000n && facts.disks.every(({ sizeBytes }) => sizeBytes > 0n), 'sizes');
  t.equal(facts.addresses[0], '127.0.0.2', 'the configured address');
  t.same(facts.attributes.map(({ key }) => key), ['label.zone', 'host.cgroup', 'host.manufacturer', 'host.model', 'host.hypervisor', 'host.virtual', 'host.physical-cores'], 'labels and hardware');
});

t.test('hardware is asked of another process once a boot, and told when it is known', async (t) => {
  const directory = t.testdir({});
  const script = `console.log(${JSON.stringify(JSON.stringify(hardware))})`;
  const parts = { directory, bootId: 'boot-1', clock: systemClock, log: memoryLog().log, random: () => 0 };
  const probe = new HardwareProbe({ ...parts, command: [process.execPath, '-e', script] });
  const reporter = new HostReporter({ address: undefined, labels: [] }, new Sampler({ directory }), probe);
  t.equal(reporter.facts().attributes.length, 1, 'at first it is not known');
  let told = 0;
  reporter.onFactsChanged(() => told++);
  await reporter.complete(new AbortController().signal);
  t.equal(told, 1, 'the session hears that there is more');
  t.equal(reporter.facts().attributes.length, 6, 'and finds it');
  const broken = { command: ['/nonexistent'] } as const;
  t.same(new HardwareProbe({ ...parts, ...broken }).kept(), hardware, 'the next agent of this boot finds it kept');
  t.equal(new HardwareProbe({ ...parts, ...broken, bootId: 'boot-2' }).kept(), undefined, 'another boot asks again');
  t.equal(await new HardwareProbe({ ...parts, ...broken }).ask(new AbortController().signal), undefined, 'a process that fails is no harm');
});

t.test("another process's words are checked", async (t) => {
  t.same(parseHardware(JSON.stringify(hardware)), hardware, 'what is of the shape');
  for (const text of ['', '{}', '[]', 'null', JSON.stringify({ ...hardware, model: 7 }), JSON.stringify({ ...hardware, model: 'x'.repeat(300) })]) {
    t.equal(parseHardware(text), undefined, `refuses ${text.slice(0, 40)}`);
  }
});
