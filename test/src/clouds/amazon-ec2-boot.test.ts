import { join } from 'node:path';
import { ClusterHealth, HostPhase } from '@wombat/proto/control';
import { Ec2View, startMoto, withoutMoto, wombatTags } from '@wombat/provider-amazon-ec2/testing';
import t from 'tap';
import { packageAgent } from '../support/agent-packages.js';
import { without, withoutErlang } from '../support/checkout.js';
import { idOf, nameOf, tellHost } from '../support/fleet-view.js';
import { Lab } from '../support/machines/lab.js';
import { freePort } from '../support/network.js';
import { packOtpRelease } from '../support/releases.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

t.setTimeout(600_000);

const skip = process.env['WOMBAT_TEST_FULL'] ? Lab.impossible() || without('systemd-nspawn', 'mmdebstrap', 'socat', 'ip') || withoutErlang() || withoutMoto() : 'in full runs';

/** moto gives out its addresses in turn, after the three that EC2 keeps for itself. */
const subnet = { vpc: '192.0.2.0/24', cidr: '192.0.2.16/28' };

t.test("systemd-nspawn, clean Debian 12, real cloud-init: the original's commands with amazon-ec2 against moto, whose user-data makes three machines one Erlang cluster", { skip }, async (t) => {
  const lab = await Lab.open(t);
  const { endpoint } = await startMoto(t);
  const view = new Ec2View(endpoint, 'us-east-1');
  const [agents, http] = [await freePort(), await freePort()];
  const workshop = await Workshop.open(t, {
    settings: { 'agents-address': `127.0.0.1:${agents}`, 'advertise-agents': `${lab.address}:${agents}`, 'http-address': `127.0.0.1:${http}`, 'advertise-http': `${lab.address}:${http}` },
    environment: (directory) => ({ AWS_ENDPOINT_URL_EC2: endpoint, WOMBAT_HTTP_TLS: 'true', WOMBAT_AGENT_PACKAGES: join(directory, 'packages') }),
  });
  await packageAgent(join(workshop.directory, 'packages'));
  for (const port of [agents, http]) await lab.relay(t, port);

  const tarball = await packOtpRelease(join(workshop.directory, 'riak.tar.gz'));
  const provider = await workshop.ok('register-provider', 'My EC2 Account', 'AKIAWOMBATTEST', 'the/secret', 'amazon-ec2', '--set', `subnets=${await view.makeSubnet(subnet.vpc, subnet.cidr)}`);
  const release = await workshop.ok('upload-release', 'Riak', tarball, 'bin/wombat_sample start', 'bin/wombat_sample stop', 'riak', '-t', 'releases/0.1.0/vm.args');
  const family = await workshop.ok('create-family', 'Riak node family', '--sel', 'random', '--clust', 'erlang-mesh');
  await workshop.ok('set-firewall', family, '--fw-rule', 'tcp:8096:8099');
  await workshop.ok('attach-release', family, release);
  await workshop.ok('add-domain', family, provider, await view.imageId(), 't3.small');
  await workshop.ok('deploy-nodes', family, '--amount', '3', '--detach');
  const instances = await until('EC2 has three machines', async () => {
    const all = await view.instances();
    return all.length === 3 ? all : notYet((await workshop.fleet.hosts()).map(tellHost));
  });

  // As EC2 would: each boots at its address with its user-data.
  const machines = await Promise.all(instances.map(async ({ InstanceId = '', Tags, PrivateIpAddress = '' }) =>
    lab.boot(wombatTags(Tags)['wombat-host'] ?? '', await view.userData(InstanceId), { number: Number(PrivateIpAddress.split('.').at(-1)) })));
  const told = (): string[] => machines.map((machine) => machine.read('var/log/cloud-init-output.log').slice(-1_000));
  const nodes = await workshop.untilRunning(3, { withinMs: 180_000 }).catch(async (error: unknown) => {
    t.comment(told().join('\n'), (await workshop.fleet.hosts()).map(tellHost));
    throw error;
  });
  const hosts = await workshop.fleet.hosts();
  t.ok(hosts.every(({ phase }) => phase === HostPhase.UP), 'all agents have joined by themselves', { hosts: hosts.map(tellHost) });
  t.strictSame(nodes.map(({ erlangName }) => erlangName.split('@')[1]).sort(), machines.map(({ address }) => address).sort(), 'each node has the address of its machine');
  t.strictSame(nodes.map(nameOf).sort(), ['riak-1', 'riak-2', 'riak-3'], 'NODENAME is the base of their names');
  await until('they are one cluster', async () => (await workshop.fleet.status(family)).family?.cluster?.health === ClusterHealth.ONE || notYet((await workshop.fleet.status(family)).family?.cluster), { withinMs: 60_000 });

  await lab.worsen(t, { delayMs: 200, lossPercent: 5 });
  await t.test('with 200 ms of delay each way and 5% of the packets lost, they form a cluster again', async (t) => {
    const connectMs = await machines[0]!.connectMs(lab.address, agents);
    t.ok(connectMs >= 400, `there and back takes ${connectMs} ms`);
    await workshop.ok('node', 'restart', 'riak-1', 'riak-2', 'riak-3', '--timeout', '4m');
    await until('they are one cluster', async () => (await workshop.fleet.status(family)).family?.cluster?.health === ClusterHealth.ONE || notYet((await workshop.fleet.status(family)).family?.cluster), { withinMs: 120_000 });
    t.ok((await workshop.fleet.hosts()).every(({ phase }) => phase === HostPhase.UP), 'and no host was given up');
  });

  for (const node of nodes) await workshop.ok('node', 'remove', idOf(node), '--delete-data', '--yes');
  for (const host of hosts) await workshop.ok('host', 'remove', idOf(host), '--yes');
  t.strictSame(await view.instances(), [], 'and the machines are ended');
});
