import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostPhase } from '@wombat/proto/control';
import { Ec2View, FaultRelay, startMoto, withoutMoto, wombatTags } from '@wombat/provider-amazon-ec2/testing';
import t, { type Test } from 'tap';
import { expectExit } from '../support/expect.js';
import { idOf, tellHost } from '../support/fleet-view.js';
import { packScripts, sleeper } from '../support/releases.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

const region = 'us-east-1';
/** Machines that are asked for, and those that the account allows. */
const { asked, allowed } = process.env['WOMBAT_TEST_FULL'] ? { asked: 500, allowed: 100 } : { asked: 5, allowed: 2 };
const secret = 'canary/of+the+secret+access+key';

/** A coordinator to which this server is Amazon's; machines of moto never boot, so no package is ever fetched. */
async function openWorkshop(t: Test, endpoint: string): Promise<Workshop> {
  const workshop = await Workshop.closed(t, { environment: (directory) => ({ AWS_ENDPOINT_URL_EC2: endpoint, WOMBAT_AGENT_PACKAGES: join(directory, 'packages') }) });
  const content = 'never fetched';
  mkdirSync(join(workshop.directory, 'packages'));
  writeFileSync(join(workshop.directory, 'packages', `wombat-agent-linux-x64-${createHash('sha256').update(content).digest('hex')}.tar.gz`), content);
  await workshop.coordinator.start();
  return workshop;
}

/** The original's commands as they stand, up to the last. */
async function prepare(workshop: Workshop, image: string): Promise<string> {
  const provider = await workshop.ok('register-provider', 'My EC2 Account', 'AKIAWOMBATTEST', secret, 'amazon-ec2');
  const tarball = await packScripts(join(workshop.directory, 'riak.tar.gz'), [sleeper]);
  const release = await workshop.ok('upload-release', 'Riak', tarball, 'bin/start');
  const family = await workshop.ok('create-family', 'Riak node family', '--sel', 'random');
  await workshop.ok('set-firewall', family, '--fw-rule', 'tcp:8096:8099');
  await workshop.ok('attach-release', family, release);
  await workshop.ok('add-domain', family, provider, image, 't3.small');
  return family;
}

t.test('amazon-ec2 against moto', { skip: withoutMoto() }, async (t) => {
  const { endpoint } = await startMoto(t);
  const relay = await FaultRelay.start(t, endpoint);
  const view = new Ec2View(endpoint, region);
  const image = await view.imageId();
  const workshop = await openWorkshop(t, relay.endpoint);
  const family = await prepare(workshop, image);

  /** Answers the hosts once so many of them boot and all others have failed. */
  const booting = async (amount: number) => until(`${amount} machines boot`, async () => {
    const all = await workshop.fleet.hosts();
    const decided = all.filter(({ phase }) => phase === HostPhase.BOOTING || phase === HostPhase.FAILED);
    const boot = all.filter(({ phase }) => phase === HostPhase.BOOTING);
    return boot.length === amount && decided.length === all.length ? all : notYet(all.map(tellHost));
  }, { withinMs: 120_000 });
  const cancel = async (operation: string) => {
    await workshop.ok('operation', 'cancel', operation, '--yes');
    await until('its machines are ended', async () => (await view.instances()).length === 0 || notYet((await workshop.fleet.hosts()).map(tellHost)), { withinMs: 60_000 });
  };

  await t.test("the original's commands: instances with the right tags and user-data, and none when it is called off", async (t) => {
    const verified = expectExit(t, await workshop.wo('provider', 'verify', 'My EC2 Account'), 0);
    t.match(verified.stdout + verified.stderr, /account 123456789012, region us-east-1/, 'verify says whose account it is');
    const operation = await workshop.ok('deploy-nodes', family, '--amount', '2', '--detach');
    const hosts = await booting(2);
    const instances = await view.instances();
    t.strictSame(instances.map(({ Tags }) => wombatTags(Tags)['wombat-host']).sort(), hosts.map(idOf).sort(), 'an instance for each host');
    for (const { InstanceId = '', Tags, PrivateIpAddress, PublicIpAddress, ImageId, InstanceType } of instances) {
      const host = hosts.find((each) => idOf(each) === wombatTags(Tags)['wombat-host']);
      t.strictSame([ImageId, InstanceType, host?.addresses], [image, 't3.small', [PrivateIpAddress, PublicIpAddress]], 'as the domain says; its addresses are known');
      const userData = await view.userData(InstanceId);
      t.ok(Buffer.byteLength(userData) <= 16_384, 'user-data fits');
      t.ok(userData.startsWith('#!/bin/sh\n') && userData.includes(idOf(host)), 'it installs the agent of this very host');
      t.equal(userData.match(/wo1\.[^']+/g)?.length, 1, 'with one join token');
    }
    const [group, ...others] = await until('the security group of the family lets in what was said, for everyone', async () => {
      const groups = await view.securityGroups(wombatTags(instances[0]?.Tags)['wombat-cluster'] ?? '');
      const found = (groups[0]?.IpPermissions ?? []).filter(({ IpProtocol }) => IpProtocol === 'tcp').map(({ FromPort, ToPort, IpRanges = [], Ipv6Ranges = [] }) =>
        [FromPort, ToPort, ...IpRanges.map(({ CidrIp }) => CidrIp), ...Ipv6Ranges.map(({ CidrIpv6 }) => CidrIpv6)].join(' '));
      return found.join() === '8096 8099 0.0.0.0/0 ::/0' ? groups : notYet(groups);
    });
    t.strictSame(others, [], 'there is one');
    t.ok(instances.every(({ SecurityGroups = [] }) => SecurityGroups.length === 1 && SecurityGroups[0]?.GroupId === group?.GroupId), 'and both instances are in it');

    await workshop.restartCoordinator();
    expectExit(t, await workshop.wo('provider', 'verify', 'My EC2 Account'), 0);
    t.equal((await view.instances()).length, 2, 'a coordinator that was killed makes no machine twice');
    await cancel(operation);
    t.notMatch(readFileSync(workshop.coordinator.log, 'utf8'), secret, 'the secret is in no log');
  });

  await t.test(`an account that allows ${allowed} of ${asked} machines: ${allowed} are made, of the others it is told that the quota is used up, and the domain cools down`, async (t) => {
    relay.quota = allowed;
    const operation = await workshop.ok('deploy-nodes', family, '--amount', String(asked), '--detach');
    const hosts = await booting(allowed);
    t.equal((await view.instances()).length, allowed, 'the limit is used up, and no more');
    const failed = hosts.filter(({ phase }) => phase === HostPhase.FAILED);
    t.strictSame(failed.map(({ lastError }) => lastError?.code), Array.from({ length: asked - allowed }, () => 'WO_PROVIDER_QUOTA'), 'each of the others says why it is not there');
    t.match(await workshop.ok('operation', 'show', operation), new RegExp(`0/${asked} \\(${asked - allowed} failed\\)[^]*VcpuLimitExceeded`), 'and so does the operation');

    const other = await workshop.ok('create-family', 'Other family', '--sel', 'random');
    await workshop.ok('attach-release', other, 'Riak');
    await workshop.ok('add-domain', other, 'My EC2 Account', image, 't3.small');
    const calls = relay.called('RunInstances').length;
    const refused = expectExit(t, await workshop.wo('deploy-nodes', other, '--amount', String(allowed + 1)), 1, 'the domain cools down');
    t.match(refused.stderr, /WO_PLACEMENT_IMPOSSIBLE[^]*gets no new hosts before .* UTC[^]*VcpuLimitExceeded/, 'and says why, and for how long');
    await workshop.ok('add-domain', other, 'My EC2 Account', image, 'm5.large', '--priority', '1');
    t.match(await workshop.ok('deploy-nodes', other, '--amount', String(allowed + 1), '--dry-run'), /cools down/, 'another domain takes its place');
    t.equal(relay.called('RunInstances').length, calls, 'EC2 was not asked for any of it');
    await cancel(operation);
  });
});
