import {
  AuthorizeSecurityGroupIngressCommand, CreateKeyPairCommand, CreateSecurityGroupCommand, DescribeSubnetsCommand, RevokeSecurityGroupIngressCommand, RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { FailureKind, MachineState, Unit } from '@wombat/plugin-sdk';
import t from 'tap';
import { openingsIn } from './firewall-rules.js';
import { startMoto, withoutMoto } from './testing/moto.js';
import { call, failureOf, hostId, machineOf, payloadOf, refusalOf, secretKey, spec, specs, Stage } from './testing/stage.js';
import { Ec2View, wombatTags } from './testing/view.js';

t.setTimeout(180_000);

const firstPage = { region: '', query: '', pageSize: 7, pageToken: '' };

t.test('amazon-ec2 against moto', { skip: withoutMoto() }, async (t) => {
  const { endpoint } = await startMoto(t);
  const image = await new Ec2View(endpoint, 'eu-west-1').imageId();

  await t.test('verify tells account, region and network, and names the setting that is wrong', async (t) => {
    const { provider } = new Stage(t, endpoint);
    const { identity, notes } = await provider.verify(call());
    t.match(identity, /^account 123456789012, region eu-west-1, vpc-[0-9a-f]+$/);
    t.strictSame(notes.map(({ field }) => field), ['endpoint'], 'an endpoint without TLS is warned of');
    const wrong: [object, string][] = [
      [{ vpc: 'vpc-00000000' }, 'vpc'], [{ subnets: ['subnet-00000000'] }, 'subnets'], [{ keyPair: 'nobody' }, 'keyPair'], [{ securityGroups: ['sg-00000000'] }, 'securityGroups'],
    ];
    for (const [settings, field] of wrong) {
      const refusal = await refusalOf(new Stage(t, endpoint, { settings: { ...settings } }).provider.verify(call()));
      t.match(refusal, { kind: FailureKind.INVALID, field }, `${field} that is not there is refused by its name`);
    }
  });

  await t.test('regions, zones, images and hardware profiles', async (t) => {
    const { provider } = new Stage(t, endpoint);
    t.strictSame((await provider.listRegions(call())).map(({ id }) => id), ['eu-west-1']);
    t.strictSame((await provider.listZones('eu-west-1', call())).map(({ id }) => id), ['eu-west-1a', 'eu-west-1b', 'eu-west-1c']);
    t.match(await refusalOf(provider.listZones('mars-1', call())), { kind: FailureKind.INVALID, field: 'region' });

    const { hardwareProfiles } = await provider.listHardwareProfiles({ ...firstPage, query: 'a1.' }, call());
    const known = hardwareProfiles.find(({ id }) => id === 'a1.2xlarge');
    t.match(known, { cpuCores: 8, memoryBytes: 16n * 1024n ** 3n, arch: 'arm64' }, 'memory, cores and processor are told');
    t.ok(hardwareProfiles.every(({ id }) => id.includes('a1.')), 'they are found by a part of their name');

    const images = await provider.listImages({ ...firstPage, query: 'xenial' }, call());
    t.ok(images.images.length > 0 && images.images.every(({ name }) => name.includes('xenial')), 'images are found by a part of their name');
    const byWildcard = await provider.listImages({ ...firstPage, query: 'ubuntu/*xenial*' }, call());
    t.strictSame(byWildcard.images.map(({ id }) => id), images.images.map(({ id }) => id), 'or by a pattern');
    const [first] = images.images;
    t.match((await provider.listImages({ ...firstPage, query: first!.id }, call())).images, [{ id: first!.id }], 'or by the id');
    const some = { ...firstPage, query: 'Windows_Server-2016' };
    const page = await provider.listImages(some, call());
    t.equal(page.images.length, 7, 'a page has what was asked for');
    const next = await provider.listImages({ ...some, pageToken: page.nextPageToken }, call());
    t.ok(next.images.length > 0 && !next.images.some(({ id }) => page.images.some((other) => other.id === id)), 'the next page has others');
  });

  await t.test('create, list and destroy: tags, user-data and settings are read back', async (t) => {
    const keys = new Ec2View(endpoint, 'eu-west-1');
    await keys.client.send(new CreateKeyPairCommand({ KeyName: 'operators' }));
    const stage = new Stage(t, endpoint, { settings: { keyPair: 'operators', rootVolumeGb: 33, tags: { team: 'riak', 'wombat.note': 'x' } } });
    const results = await stage.provider.createHosts([spec(1, image), spec(2, image, { zone: 'eu-west-1b', spot: true })], call());
    const machines = results.map(machineOf);
    t.strictSame(machines.map(({ key, hostId: id }) => [key, id]), [['key-1', hostId(1)], ['key-2', hostId(2)]]);

    const found = await stage.instances();
    t.equal(found.length, 2, 'there are two instances');
    for (const [n, machine] of [[1, machines[0]!], [2, machines[1]!]] as const) {
      const instance = found.find(({ InstanceId }) => InstanceId === machine.machineId);
      const tags = { 'wombat-cluster': stage.clusterId, 'wombat-host': hostId(n), 'wombat-key': `key-${n}` };
      t.strictSame(wombatTags(instance?.Tags), tags, 'the tags of the instance');
      t.ok(instance?.Tags?.some(({ Key, Value }) => Key === 'team' && Value === 'riak'), 'and those of the settings');
      const volumes = await stage.view.volumesOf(machine.machineId);
      t.strictSame(volumes.map(({ Tags, Size }) => [wombatTags(Tags), Size]), [[tags, 33]], 'its volume has the tags too, and the size that was asked for');
      t.equal(await stage.view.userData(machine.machineId), payloadOf(hostId(n)), 'its user-data is the install payload of the host');
      t.equal(instance?.MetadataOptions?.HttpTokens, 'required', 'its metadata asks for IMDSv2');
      t.equal(instance?.KeyName, 'operators');
      t.strictSame(machine.addresses, [instance?.PrivateIpAddress, instance?.PublicIpAddress], 'both addresses are told, the private one first');
    }
    t.equal(found.find(({ InstanceId }) => InstanceId === machines[1]!.machineId)?.Placement?.AvailabilityZone, 'eu-west-1b');
    t.equal(found.find(({ InstanceId }) => InstanceId === machines[1]!.machineId)?.InstanceLifecycle, 'spot');

    const listed = await stage.provider.listHosts(call());
    t.strictSame(listed.map(({ key, state }) => [key, state]).sort(), [['key-1', MachineState.RUNNING], ['key-2', MachineState.RUNNING]]);
    const ids = machines.map(({ machineId }) => machineId);
    const gone = [...ids, 'i-0123456789abcdef0', '../../etc'].map((machineId) => ({ machineId, failure: undefined }));
    t.strictSame(await stage.provider.destroyHosts(gone.map(({ machineId }) => machineId), call()), gone, 'what is not there counts as destroyed');
    t.strictSame(await stage.instances(), [], 'nothing lives any more');
    t.strictSame(await stage.provider.destroyHosts(ids, call()), gone.slice(0, 2), 'destroying twice is destroying once');
    t.strictSame(await stage.provider.listHosts(call()), []);
  });

  await t.test('one key is one machine, also when asked for at once, and for a coordinator that was started again', async (t) => {
    const stage = new Stage(t, endpoint);
    const answers = await Promise.all([1, 2, 3].map(async () => stage.provider.createHosts([spec(1, image)], call())));
    answers.push(await stage.another().createHosts([spec(1, image)], call()));
    t.equal(new Set(answers.map(([result]) => machineOf(result).machineId)).size, 1);
    t.equal((await stage.instances()).length, 1, 'moto ignores the token, so the tag was looked for');
    const twice = await stage.provider.createHosts([spec(2, image), spec(2, image)], call());
    t.equal(machineOf(twice[0]).machineId, machineOf(twice[1]).machineId, 'also within one call');
    t.match(failureOf((await stage.provider.createHosts([spec(3, image, { key: 'key-1' })], call()))[0]), { kind: FailureKind.INVALID, field: 'key' });
  });

  await t.test('20 creations at once, and a list over several pages', async (t) => {
    const stage = new Stage(t, endpoint, { instancesPerPage: 6 });
    const results = (await Promise.all(specs(20, image).map(async (each) => stage.provider.createHosts([each], call())))).flat();
    t.equal(new Set(results.map((result) => machineOf(result).machineId)).size, 20, 'each has a machine of its own');
    t.equal((await stage.instances()).length, 20);
    t.equal((await stage.another().listHosts(call())).length, 20, 'no page is left out');
    const again = await stage.another().createHosts(specs(20, image), call());
    t.strictSame(again.map((result) => machineOf(result).machineId), results.map((result) => machineOf(result).machineId), 'a batch finds all of them by their keys');
  });

  await t.test('machines of others are neither listed nor ended', async (t) => {
    const ours = new Stage(t, endpoint);
    const theirs = new Stage(t, endpoint);
    const [made] = await theirs.provider.createHosts([spec(1, image)], call());
    const { Instances = [] } = await ours.view.client.send(new RunInstancesCommand({ ImageId: image, InstanceType: 't3.small', MinCount: 1, MaxCount: 1 }));
    t.strictSame(await ours.provider.listHosts(call()), []);
    const ids = [machineOf(made).machineId, Instances[0]!.InstanceId!];
    await ours.provider.destroyHosts(ids, call());
    const living = (await ours.view.instances()).map(({ InstanceId }) => InstanceId);
    t.ok(ids.every((id) => living.includes(id)), 'both live on');
  });

  await t.test('what cannot be is refused, naming the field, and nothing is made', async (t) => {
    const stage = new Stage(t, endpoint, { installPayload: (id) => new Uint8Array(id === hostId(9) ? 16_385 : 16_384) });
    const wrong: [number, object, string][] = [
      [1, { image: 'ami-00000000' }, 'image'], [2, { hardwareProfile: 'z9.huge' }, 'hardwareProfile'], [3, { region: 'mars-1' }, 'region'], [4, { zone: 'eu-west-1z' }, 'zone'],
      [5, { key: 'Not A Key' }, 'key'], [6, { hostId: 'nobody' }, 'hostId'], [9, {}, 'installPayload'],
    ];
    const results = await stage.provider.createHosts(wrong.map(([n, changed]) => spec(n, image, changed)), call());
    results.forEach((result, index) => t.match(failureOf(result), { kind: FailureKind.INVALID, field: wrong[index]![2], mayRetry: false }, `${wrong[index]![2]} is refused`));
    t.strictSame(await stage.instances(), []);
    machineOf((await stage.provider.createHosts([spec(10, image)], call()))[0]);
    t.equal((await stage.instances()).length, 1, 'a payload of just 16 KiB is taken');
  });

  await t.test('instance profiles, by name or ARN', async (t) => {
    const made = await fetch(endpoint, {
      method: 'POST',
      headers: { authorization: 'AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x' },
      body: new URLSearchParams({ Action: 'CreateInstanceProfile', Version: '2010-05-08', InstanceProfileName: 'web' }),
    });
    const arn = /<Arn>(.+)<\/Arn>/.exec(await made.text())?.[1];
    for (const instanceProfile of ['web', arn]) {
      const stage = new Stage(t, endpoint, { settings: { instanceProfile } });
      machineOf((await stage.provider.createHosts([spec(1, image)], call()))[0]);
      t.equal((await stage.instances())[0]?.IamInstanceProfile?.Arn, arn, `given as ${instanceProfile}`);
    }
    const wrong = new Stage(t, endpoint, { settings: { instanceProfile: 'nobody' } });
    t.match(failureOf((await wrong.provider.createHosts([spec(1, image)], call()))[0]), { kind: FailureKind.INVALID, field: 'instanceProfile' });
  });

  await t.test('a VPC with subnets: the zone decides, and one without a subnet is refused', async (t) => {
    const { client } = new Ec2View(endpoint, 'eu-west-1');
    const { Subnets = [] } = await client.send(new DescribeSubnetsCommand({}));
    const some = Subnets.filter(({ AvailabilityZone }) => AvailabilityZone !== 'eu-west-1c');
    const stage = new Stage(t, endpoint, { settings: { subnets: some.map(({ SubnetId }) => SubnetId) } });
    const [inB, inC] = await stage.provider.createHosts([spec(1, image, { zone: 'eu-west-1b' }), spec(2, image, { zone: 'eu-west-1c' })], call());
    machineOf(inB);
    t.equal((await stage.instances())[0]?.SubnetId, some.find(({ AvailabilityZone }) => AvailabilityZone === 'eu-west-1b')?.SubnetId);
    t.match(failureOf(inC), { kind: FailureKind.INVALID, field: 'zone', message: /there are some in eu-west-1a, eu-west-1b/ });
  });

  await t.test('a security group for each firewall is kept equal to its rules, and what others let in is told', async (t) => {
    const stage = new Stage(t, endpoint);
    const { provider, view } = stage;
    const web = { protocol: 'tcp', fromPort: 8096, toPort: 8099, source: '' };
    const inside = { protocol: 'udp', fromPort: 53, toPort: 53, source: '10.1.2.3/8' };
    const read = async () => {
      const [group, ...more] = await view.securityGroups(stage.clusterId);
      t.strictSame(more, [], 'there is one group');
      const openings = openingsIn(group?.IpPermissions ?? []).map(({ protocol, fromPort, toPort, source }) => [protocol, fromPort, toPort, source].join(' '));
      return { id: group!.GroupId!, openings: openings.sort() };
    };
    t.strictSame(await provider.ensureFirewall('fam-riak', [web, inside], call()), []);
    const { id, openings } = await read();
    t.strictSame(openings, [`-1 -1 -1 ${id}`, 'tcp 8096 8099 0.0.0.0/0', 'tcp 8096 8099 ::/0', 'udp 53 53 10.0.0.0/8']);
    t.strictSame(await stage.another().ensureFirewall('fam-riak', [web, inside], call()), [], 'what is right is left alone');

    const ssh = { IpProtocol: 'tcp', FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: '0.0.0.0/0' }] };
    await view.client.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: id, IpPermissions: [ssh] }));
    await view.client.send(new RevokeSecurityGroupIngressCommand({ GroupId: id, IpPermissions: [{ IpProtocol: 'udp', FromPort: 53, ToPort: 53, IpRanges: [{ CidrIp: '10.0.0.0/8' }] }] }));
    const drift = await provider.ensureFirewall('fam-riak', [web, inside], call());
    t.strictSame(drift, [{ protocol: 'tcp', fromPort: 22, toPort: 22, source: '0.0.0.0/0' }], 'a rule of somebody else is told');
    t.strictSame((await read()).openings, openings, 'and removed, and what was removed is back');

    t.strictSame(await provider.ensureFirewall('fam-riak', [inside], call()), [], 'a rule that Wombat itself has made is no drift when it goes');
    t.strictSame((await read()).openings, [`-1 -1 -1 ${id}`, 'udp 53 53 10.0.0.0/8']);

    const [result] = await provider.createHosts([spec(1, image, { firewallGroup: 'fam-riak' })], call());
    const instance = (await stage.instances()).find(({ InstanceId }) => InstanceId === machineOf(result).machineId);
    t.strictSame(instance?.SecurityGroups?.map(({ GroupId }) => GroupId), [id], 'hosts of the family are in it');
    t.match(await refusalOf(provider.ensureFirewall('no good name', [], call())), { kind: FailureKind.INVALID, field: 'group' });

    const taken = `wombat-${stage.clusterId}-fam-taken`;
    await view.client.send(new CreateSecurityGroupCommand({ GroupName: taken, Description: 'of somebody else' }));
    t.match(await refusalOf(provider.ensureFirewall('fam-taken', [inside], call())), { kind: FailureKind.INVALID, field: 'group', message: /in the way/ }, 'a group of that name that is not ours is left alone');

    const closed = new Stage(t, endpoint, { settings: { membersReachEachOther: false } });
    await Promise.all([1, 2, 3].map(async () => closed.provider.ensureFirewall('fam-shut', [inside], call())));
    const groups = await view.securityGroups(closed.clusterId);
    t.strictSame(groups.map(({ IpPermissions = [] }) => openingsIn(IpPermissions).length), [1], 'asked for three times at once there is one group, whose members do not reach each other');
  });

  await t.test('a security group without rules is there as long as hosts are in it', async (t) => {
    const stage = new Stage(t, endpoint);
    await stage.provider.ensureFirewall('fam-bare', [], call());
    t.strictSame(await stage.view.securityGroups(stage.clusterId), [], 'none is made for nobody');
    const [result] = await stage.provider.createHosts([spec(1, image, { firewallGroup: 'fam-bare' })], call());
    const openings = async () => (await stage.view.securityGroups(stage.clusterId)).map(({ IpPermissions = [] }) => openingsIn(IpPermissions).map(({ kind }) => kind));
    t.strictSame(await openings(), [['group']], 'made with the first host: its members reach each other');
    await stage.another().ensureFirewall('fam-bare', [], call());
    t.strictSame(await openings(), [['group']], 'a host is in it');
    await stage.provider.destroyHosts([machineOf(result).machineId], call());
    await stage.provider.ensureFirewall('fam-bare', [], call());
    t.strictSame(await openings(), [['group']], 'who has launched hosts into it a moment ago leaves it alone');
    await stage.another().ensureFirewall('fam-bare', [], call());
    t.strictSame(await openings(), [], 'it has gone with its last host');
  });

  await t.test('prices of spot instances', async (t) => {
    const { provider } = new Stage(t, endpoint);
    const prices = await provider.listPrices('', call());
    t.ok(prices.length > 10 && prices.every(({ spot, perHour }) => spot && perHour?.unit === Unit.PRICE_PER_HOUR && perHour.currency === 'USD' && perHour.amount > 0), 'each has one');
    t.equal(new Set(prices.map(({ hardwareProfile }) => hardwareProfile)).size, prices.length, 'one for each hardware profile');
  });

  await t.test('what the console of a machine shows', async (t) => {
    const { provider } = new Stage(t, endpoint);
    const [result] = await provider.createHosts([spec(1, image)], call());
    t.match(new TextDecoder().decode(await provider.getConsoleLog(machineOf(result).machineId, call())), /Linux version/);
    t.match(await refusalOf(provider.getConsoleLog('i-0123456789abcdef0', call())), { kind: FailureKind.NOT_FOUND });
  });

  // The last one: moto asks everybody for credentials from then on.
  await t.test('credentials that EC2 does not know are refused as such, and never shown', async (t) => {
    const stage = new Stage(t, endpoint);
    await fetch(`${endpoint}/moto-api/reset-auth`, { method: 'POST', body: '0' });
    const refusal = await refusalOf(stage.provider.verify(call()));
    t.match(refusal, { kind: FailureKind.AUTH, message: /credentials/ });
    const results = await stage.provider.createHosts(specs(3, image), call());
    t.strictSame(results.map((result) => failureOf(result)?.kind), [FailureKind.AUTH, FailureKind.AUTH, FailureKind.AUTH]);
    t.notMatch(JSON.stringify([refusal, results, stage.host.lines]), secretKey);
  });
});
