import { FailureKind, MachineState, type CreateHostResult, type HostSpec, type JsonObject, type Machine, type ProviderFailure, type ProviderInstance } from '@wombat/plugin-sdk';
import type { Test } from 'tap';
import { groupName } from '../firewall.js';
import { clusterId, payloadOf } from './provider-under-test.js';
import type { Stage } from './stage.js';

/*
 * What the driver must do, played on a real cloud or on what was recorded of one. Each case leaves the cloud as it found it, with what
 * `scripts/openstack/up` puts there: image debian-12, flavors small, medium, large and enormous, network demo-net.
 */

const signal = new AbortController().signal;
const context = { signal };

export const cases: Readonly<Record<string, (t: Test, stage: Stage) => Promise<void>>> = {
  'looks-around': looksAround,
  'round-trip': roundTrip,
  'same-key': sameKey,
  'lost-answer': lostAnswer,
  'quota': quota,
  'no-place': noPlace,
  'refused-values': refusedValues,
  'firewall': firewall,
  'wrong-password': wrongPassword,
  'application-credential': applicationCredential,
  'revoked-token': revokedToken,
};

function spec(number: number, changed: Partial<HostSpec> = {}): HostSpec {
  const hostId = `host-openstack${String.fromCharCode(96 + number).repeat(3)}`;
  return {
    key: hostId, hostId, image: 'debian-12', hardwareProfile: 'small', region: '', zone: '', tags: {}, firewallGroup: '', spot: false, labels: [], ...changed,
  };
}

async function looksAround(t: Test, stage: Stage): Promise<void> {
  const provider = stage.connect({ ...stage.settings, availabilityZone: 'nova' });
  const page = { region: '', query: '', pageSize: 2, pageToken: '' };
  t.strictSame(await provider.verify(context), { identity: 'user demo, project demo, region RegionOne', notes: [] });
  t.strictSame(await provider.listRegions(context), [{ id: 'RegionOne', name: 'RegionOne' }]);
  t.strictSame(await provider.listZones('RegionOne', context), [{ id: 'nova', region: 'RegionOne' }]);
  const images = await provider.listImages({ ...page, query: 'DEBIAN' }, context);
  t.strictSame(images.images.map(({ name }) => name), ['debian-12'], 'images are searched by a part of their names');
  t.strictSame((await provider.listImages({ ...page, query: 'windows' }, context)).images, []);
  const first = await provider.listHardwareProfiles(page, context);
  const second = await provider.listHardwareProfiles({ ...page, pageToken: first.nextPageToken }, context);
  t.strictSame([...first.hardwareProfiles, ...second.hardwareProfiles].map(({ name }) => name).sort(), ['enormous', 'large', 'medium', 'small'], 'page by page');
  t.match([...first.hardwareProfiles, ...second.hardwareProfiles].find(({ name }) => name === 'medium'), {
    cpuCores: 2, memoryBytes: 2n * 1024n ** 3n, diskBytes: 20n * 1024n ** 3n,
  });
}

async function roundTrip(t: Test, stage: Stage): Promise<void> {
  const provider = stage.connect({ ...stage.settings, metadata: { owner: 'tests' } });
  const strangers = await stranger(stage);
  const rule = { protocol: 'tcp', fromPort: 22, toPort: 22, source: '' };
  await provider.ensureFirewall!('samples', [rule], context);
  const specs = [1, 2, 3, 4].map((number) => spec(number, { zone: 'nova', firewallGroup: 'samples' }));
  const machines = (await provider.createHosts(specs, context)).map(madeOf);
  t.strictSame(machines.map(({ key, hostId }) => [key, hostId]), specs.map(({ key, hostId }) => [key, hostId]));
  const listed = await untilAll(stage, provider, ({ state, addresses }) => state === MachineState.RUNNING && addresses.length > 0);
  t.strictSame(listed.map(({ machineId }) => machineId).sort(), machines.map(({ machineId }) => machineId).sort(), 'those with the tag of the cluster are listed, over all pages, and nothing else');
  t.match(listed[0]!.addresses[0], /^10[.]20[.]/, 'the address is one of the network');
  for (const { tags, hostId, key } of listed) t.strictSame(tags, { 'wombat-cluster': clusterId, 'wombat-host': hostId, 'wombat-key': key });
  const server = await serverOf(stage, machines[0]!.machineId);
  t.equal(Buffer.from(String(server['OS-EXT-SRV-ATTR:user_data']), 'base64').toString(), payloadOf(machines[0]!.hostId).toString(), 'the install payload is the user-data');
  t.match(server, { metadata: { owner: 'tests' }, config_drive: 'True', security_groups: [{ name: groupName(clusterId, 'samples') }] });
  t.match(Buffer.from(await provider.getConsoleLog!(machines[0]!.machineId, context)).toString(), /CONSOLE/);
  const ids = machines.map(({ machineId }) => machineId);
  t.strictSame((await provider.destroyHosts(ids, context)).filter(({ failure }) => failure), []);
  await untilGone(stage, provider);
  t.strictSame((await provider.destroyHosts([...ids, 'never-made'], context)).filter(({ failure }) => failure), [], 'what is gone can be destroyed again');
  t.strictSame((await provider.destroyHosts([strangers], context)).filter(({ failure }) => failure), [], 'what others have made is not ours to destroy');
  t.equal((await stage.ask('member', 'GET', `/compute/v2.1/servers/${strangers}`)).status, 200, 'the server of others is still there');
  await removed(stage, [strangers], groupName(clusterId, 'samples'));
}

async function sameKey(t: Test, stage: Stage): Promise<void> {
  const provider = stage.connect();
  const [first, second] = await Promise.all([provider.createHosts([spec(1)], context), provider.createHosts([spec(1)], context)]);
  const third = await stage.connect().createHosts([spec(1)], context);
  t.equal(new Set([first, second, third].map(([result]) => madeOf(result!).machineId)).size, 1, 'asked for three times, made once');
  t.match(failureOf((await provider.createHosts([spec(2, { key: spec(1).key })], context))[0]!), { kind: FailureKind.INVALID, field: 'key' }, 'a key belongs to one host');
  await emptied(stage, provider);
}

async function lostAnswer(t: Test, stage: Stage): Promise<void> {
  const provider = stage.connect();
  stage.loseAnswer('POST', '/compute/v2.1/servers');
  const [lost] = await provider.createHosts([spec(1)], context);
  t.match(failureOf(lost!), { kind: FailureKind.UNAVAILABLE, mayRetry: true });
  const [again] = await provider.createHosts([spec(1)], context);
  t.strictSame((await provider.listHosts(context)).map(({ machineId }) => machineId), [madeOf(again!).machineId], 'the one that was made is found, no other is made');
  await emptied(stage, provider);
}

async function quota(t: Test, stage: Stage): Promise<void> {
  const provider = stage.connect();
  const { body } = await stage.ask('member', 'GET', '/identity/v3/auth/projects');
  const project = (body as { projects: { id: string; name: string }[] }).projects.find(({ name }) => name === 'demo')!.id;
  const limited = async (instances: number): Promise<void> => {
    const { status } = await stage.ask('admin', 'PUT', `/compute/v2.1/os-quota-sets/${project}`, { quota_set: { instances } });
    t.equal(status, 200, 'the quota is set');
  };
  await limited(2);
  // One after another: so many at once would make what is recorded a matter of chance.
  const results: CreateHostResult[] = [];
  for (const number of [1, 2, 3, 4]) results.push(...(await provider.createHosts([spec(number)], context)));
  t.strictSame(results.map(({ outcome }) => outcome?.$case), ['machine', 'machine', 'failure', 'failure']);
  for (const result of results.slice(2)) t.match(failureOf(result), { kind: FailureKind.QUOTA, mayRetry: false, message: /quota/i });
  t.match((await provider.getQuota!('', context)).find(({ name }) => name === 'hosts'), { limit: 2, used: 2 });
  await emptied(stage, provider);
  await limited(100);
}

async function noPlace(t: Test, stage: Stage): Promise<void> {
  const provider = stage.connect();
  const [result] = await provider.createHosts([spec(1, { hardwareProfile: 'enormous' })], context);
  t.match(failureOf(result!), { kind: FailureKind.CAPACITY, mayRetry: true, message: /no valid host/i });
  await untilGone(stage, provider);
  t.strictSame(await provider.listHosts(context), [], 'nothing is left of it, so the key is free');
}

async function refusedValues(t: Test, stage: Stage): Promise<void> {
  const provider = stage.connect();
  const wrong: readonly [string, Partial<HostSpec>][] = [
    ['image', { image: 'debian-13' }],
    ['image', { image: '6c0d0d0f-4a57-4bb4-a7c8-6b3c51cd7a7e' }],
    ['hardwareProfile', { hardwareProfile: 'smal' }],
    ['zone', { zone: 'elsewhere' }],
    ['region', { region: 'RegionTwo' }],
  ];
  for (const [field, changed] of wrong) {
    t.match(failureOf((await provider.createHosts([spec(1, changed)], context))[0]!), { kind: FailureKind.INVALID, field, mayRetry: false }, `${field} is at fault`);
  }
  for (const [field, changed] of Object.entries({ networks: { networks: ['nowhere'] }, keyPair: { keyPair: 'none' }, availabilityZone: { availabilityZone: 'elsewhere' }, region: { region: 'RegionTwo' } })) {
    t.match(await thrown(stage.connect({ ...stage.settings, ...changed }).verify(context)), { kind: FailureKind.INVALID, field }, `verify names the setting ${field}`);
  }
  const { body } = await stage.ask('member', 'POST', '/network/v2.0/networks', { network: { name: 'second-net' } });
  const { id } = (body as { network: { id: string } }).network;
  await stage.ask('member', 'POST', '/network/v2.0/subnets', { subnet: { network_id: id, cidr: '10.30.0.0/16', ip_version: 4 } });
  const [result] = await stage.connect({ ...stage.settings, networks: [] }).createHosts([spec(1)], context);
  t.match(failureOf(result!), { kind: FailureKind.INVALID, field: 'networks', mayRetry: false }, 'which of two networks is meant must be said');
  await stage.ask('member', 'DELETE', `/network/v2.0/networks/${id}`);
  t.match(await thrown(provider.getConsoleLog!('6c0d0d0f-4a57-4bb4-a7c8-6b3c51cd7a7e', context)), { kind: FailureKind.NOT_FOUND });
}

async function firewall(t: Test, stage: Stage): Promise<void> {
  const provider = stage.connect();
  const rules = [
    { protocol: 'tcp', fromPort: 8096, toPort: 8099, source: '' },
    { protocol: 'udp', fromPort: 53, toPort: 53, source: '10.1.2.3/8' },
    { protocol: 'tcp', fromPort: 4369, toPort: 4369, source: '2001:DB8:0:0::1/32' },
  ];
  t.strictSame(await provider.ensureFirewall!('samples', rules, context), [], 'a new group has nothing foreign in it');
  const { id, incoming, outgoing } = await groupOf(stage);
  t.strictSame(incoming, ['IPv4 tcp 8096-8099 all', 'IPv4 udp 53-53 10.0.0.0/8', 'IPv6 tcp 4369-4369 2001:db8::/32', 'IPv6 tcp 8096-8099 all']);
  t.equal(outgoing, 2, 'what goes out is let out, as in every new group');
  const rule = { security_group_id: id, direction: 'ingress', ethertype: 'IPv4' };
  const foreign = [
    { ...rule, protocol: 'tcp', port_range_min: 22, port_range_max: 22, remote_ip_prefix: '192.0.2.0/24' },
    { ...rule, protocol: 'icmp' },
    { ...rule, remote_group_id: id },
  ];
  for (const security_group_rule of foreign) t.equal((await stage.ask('member', 'POST', '/network/v2.0/security-group-rules', { security_group_rule })).status, 201);
  const drift = await provider.ensureFirewall!('samples', rules.slice(0, 2), context);
  t.strictSame(drift.map(({ protocol, fromPort, source }) => `${protocol} ${fromPort} ${source}`).sort(), [
    `any 1 group ${id}`, 'icmp 1 0.0.0.0/0', 'tcp 22 192.0.2.0/24', 'tcp 4369 2001:db8::/32',
  ], 'what nobody asks for any more is told');
  t.strictSame((await groupOf(stage)).incoming, ['IPv4 tcp 8096-8099 all', 'IPv4 udp 53-53 10.0.0.0/8', 'IPv6 tcp 8096-8099 all'], 'and is gone');
  t.strictSame(await provider.ensureFirewall!('samples', rules.slice(0, 2), context), [], 'what is equal stays');
  t.match(await thrown(provider.ensureFirewall!('samples', [{ ...rules[0]!, source: 'here' }], context)), { kind: FailureKind.INVALID, field: 'rules' });
  t.strictSame(await provider.ensureFirewall!('samples', [], context).then((all) => all.length), 3, 'no rules shut everybody out');
  t.strictSame(await groupsNamed(stage, groupName(clusterId, 'samples')), [], 'a group without rules and servers goes');
  t.strictSame(await provider.ensureFirewall!('samples', [], context), [], 'and is not made anew');
}

async function wrongPassword(t: Test, stage: Stage): Promise<void> {
  const error = await thrown(stage.connect({ ...stage.settings, password: 'a-wrong-one' }).verify(context));
  t.match(error, { kind: FailureKind.AUTH, mayRetry: false });
  t.notMatch(String((error as Error).message), /a-wrong-one/);
}

async function applicationCredential(t: Test, stage: Stage): Promise<void> {
  const path = `/identity/v3/users/${stage.facts.userId}/application_credentials`;
  const secret = 'a-secret-of-the-test';
  const made = await stage.ask('member', 'POST', path, { application_credential: { name: 'wombat', secret } });
  const { id } = (made.body as { application_credential: { id: string } }).application_credential;
  const { authUrl, networks } = stage.settings;
  const settings: JsonObject = { authUrl, networks, applicationCredentialId: id, applicationCredentialSecret: secret };
  t.match(await stage.connect(settings).verify(context), { identity: 'user demo, project demo, region RegionOne' });
  t.match(await thrown(stage.connect({ ...settings, applicationCredentialSecret: 'another' }).verify(context)), { kind: FailureKind.AUTH });
  t.equal((await stage.ask('member', 'DELETE', `${path}/${id}`)).status, 204);
}

async function revokedToken(t: Test, stage: Stage): Promise<void> {
  const provider = stage.connect();
  await provider.listZones('', context);
  await stage.revokeToken();
  // Nova remembers the token for a while, Glance has never seen it.
  const { images } = await provider.listImages({ region: '', query: '', pageSize: 1, pageToken: '' }, context);
  t.match(images, [{ name: 'debian-12' }], 'a token that is refused is renewed');
}

async function thrown(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => undefined, (error: unknown) => error);
}

function madeOf({ outcome }: CreateHostResult): Machine {
  if (outcome?.$case === 'machine') return outcome.value;
  throw new Error(`not made: ${outcome?.value.message}`);
}

function failureOf({ outcome }: CreateHostResult): ProviderFailure {
  if (outcome?.$case === 'failure') return outcome.value;
  throw new Error('it was made');
}

async function untilAll(stage: Stage, provider: ProviderInstance, isSo: (machine: Machine) => boolean): Promise<readonly Machine[]> {
  for (let tries = 0; tries < 120; tries += 1) {
    const machines = await provider.listHosts(context);
    if (machines.every(isSo)) return machines;
    await stage.sleep(500);
  }
  throw new Error('the machines are not as they should be after a minute');
}

async function untilGone(stage: Stage, provider: ProviderInstance): Promise<void> {
  await untilAll(stage, provider, () => false);
}

async function emptied(stage: Stage, provider: ProviderInstance): Promise<void> {
  const machines = await provider.listHosts(context);
  await provider.destroyHosts(machines.map(({ machineId }) => machineId), context);
  await untilGone(stage, provider);
}

/** A server that Wombat has not made. */
async function stranger(stage: Stage): Promise<string> {
  const [image] = ((await stage.ask('member', 'GET', '/image/v2/images?name=debian-12')).body as { images: { id: string }[] }).images;
  const server = { name: 'stranger', imageRef: image!.id, flavorRef: '1', networks: 'none', tags: ['wombat-cluster=another'] };
  return ((await stage.ask('member', 'POST', '/compute/v2.1/servers', { server })).body as { server: { id: string } }).server.id;
}

async function serverOf(stage: Stage, id: string): Promise<Record<string, unknown>> {
  return ((await stage.ask('admin', 'GET', `/compute/v2.1/servers/${id}`)).body as { server: Record<string, unknown> }).server;
}

interface FoundRule {
  readonly direction: string;
  readonly ethertype: string;
  readonly protocol: string;
  readonly port_range_min: number;
  readonly port_range_max: number;
  readonly remote_ip_prefix: string | null;
}

async function groupOf(stage: Stage): Promise<{ readonly id: string; readonly incoming: readonly string[]; readonly outgoing: number }> {
  const { body } = await stage.ask('member', 'GET', `/network/v2.0/security-groups?name=${groupName(clusterId, 'samples')}`);
  const [group] = (body as { security_groups: { id: string; security_group_rules: FoundRule[] }[] }).security_groups;
  const { id, security_group_rules: rules } = group!;
  const incoming = rules.filter(({ direction }) => direction === 'ingress')
    .map((rule) => `${rule.ethertype} ${rule.protocol} ${rule.port_range_min}-${rule.port_range_max} ${rule.remote_ip_prefix ?? 'all'}`);
  return { id, incoming: incoming.sort(), outgoing: rules.length - incoming.length };
}

async function groupsNamed(stage: Stage, group: string): Promise<readonly { readonly id: string }[]> {
  const { body } = await stage.ask('member', 'GET', `/network/v2.0/security-groups?name=${group}`);
  return (body as { security_groups: { id: string }[] }).security_groups;
}

/** A group can go when no server bears it any more. */
async function removed(stage: Stage, servers: readonly string[], group: string): Promise<void> {
  for (const id of servers) await stage.ask('member', 'DELETE', `/compute/v2.1/servers/${id}`);
  for (const { id } of await groupsNamed(stage, group)) await stage.ask('member', 'DELETE', `/network/v2.0/security-groups/${id}`);
}
