import { join } from 'node:path';
import { ClusterHealth } from '@wombat/proto/control';
import { DockerEngine, importDirectory, whyNoEngine } from '@wombat/provider-docker/testing';
import t from 'tap';
import { packageAgent } from '../support/agent-packages.js';
import { AgentVariants } from '../support/agent-variants.js';
import { without, withoutErlang } from '../support/checkout.js';
import { expectExit } from '../support/expect.js';
import { idOf, tellHost } from '../support/fleet-view.js';
import { debianRoot } from '../support/machines/debian-root.js';
import { Lab } from '../support/machines/lab.js';
import { freePort } from '../support/network.js';
import { packOtpRelease } from '../support/releases.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

t.setTimeout(600_000);

const skip = whyNoEngine() || without('mmdebstrap', 'socat', 'ip') || withoutErlang();

t.test('docker on a real Docker Engine: an Erlang family over three containers of a slim Debian 12 is one cluster, and outlives agents and restarts', { skip }, async (t) => {
  const lab = await Lab.open(t);
  const engine = await DockerEngine.start(t, { networkNamespace: lab.namespace });
  // As slim images are: with nothing to fetch or unpack a package with.
  const missing = ['curl', 'wget', 'python3*', 'tar', 'gzip', 'sha256sum'];
  await importDirectory(engine.docker, 'debian:12', await debianRoot('systemd'), missing.map((name) => `./usr/bin/${name}`));
  const [agents, http] = [await freePort(), await freePort()];
  const workshop = await Workshop.open(t, {
    settings: { 'agents-address': `127.0.0.1:${agents}`, 'advertise-agents': `${lab.address}:${agents}`, 'http-address': `127.0.0.1:${http}`, 'advertise-http': `${lab.address}:${http}` },
    environment: (directory) => ({ WOMBAT_HTTP_TLS: 'true', WOMBAT_AGENT_PACKAGES: join(directory, 'packages') }),
  });
  await packageAgent(join(workshop.directory, 'packages'));
  for (const port of [agents, http]) await lab.relay(t, port);

  const provider = await workshop.ok('register-provider', 'Containers', 'docker', '--set', `socketPath=${engine.socketPath}`);
  const verified = expectExit(t, await workshop.wo('provider', 'verify', provider), 0);
  t.match(verified.stdout + verified.stderr, /Docker Engine \d+\.\d+/, 'verify says what it is');
  t.match(await workshop.ok('provider', 'images', provider), /debian:12/);
  const release = await workshop.ok('upload-release', 'Riak', await packOtpRelease(join(workshop.directory, 'riak.tar.gz')));
  const family = await workshop.ok('create-family', 'Riak node family', '--clust', 'erlang-mesh');
  await workshop.ok('attach-release', family, release);
  await workshop.ok('add-domain', family, provider, 'debian:12', 'small');
  await workshop.ok('deploy-nodes', family, '--amount', '3', '--detach');

  const containers = () => engine.docker.listContainers({ all: true });
  const told = async () => (await Promise.all((await containers()).map(async ({ Id }) => (await engine.docker.getContainer(Id).logs({ stdout: true, stderr: true })).toString().slice(-1_000)))).join('\n');
  const nodes = await workshop.untilRunning(3, { withinMs: 180_000 }).catch(async (error: unknown) => {
    t.comment(await told(), (await workshop.fleet.hosts()).map(tellHost));
    throw error;
  });
  const isOneCluster = async () => await until('they are one cluster', async () => (await workshop.fleet.status(family)).family?.cluster?.health === ClusterHealth.ONE || notYet((await workshop.fleet.status(family)).family?.cluster), { withinMs: 60_000 });
  await isOneCluster();
  const hosts = await workshop.fleet.hosts();
  const all = await containers();
  t.strictSame(all.map(({ Labels }) => Labels['wombat-host']).sort(), hosts.map(idOf).sort(), 'a container for each host');
  t.strictSame(nodes.map(({ erlangName }) => erlangName.split('@')[1]).sort(), all.map(({ NetworkSettings }) => NetworkSettings.Networks['bridge']?.IPAddress).sort(), 'each node has the address of its container');
  const inspected = await Promise.all(all.map(async ({ Id }) => await engine.docker.getContainer(Id).inspect()));
  t.notMatch(JSON.stringify(inspected) + (await told()), /wo1\./, 'the engine shows no join token');
  t.equal(await engine.run(all[0]!.Id, 'ls', '-A', '/etc/wombat-host'), 'start.sh\n', 'and none is left in the container');

  const [{ Id, Labels }] = all as [typeof all[0]];
  const host = Labels['wombat-host']!;
  const pidOf = async (pattern: string) => (await engine.run(Id, 'pgrep', '-of', pattern)).trim();
  const answers = async () => (await workshop.wo('exec', host, '--timeout', '5s', '--', 'true')).code === 0;
  await t.test('an agent that is killed comes back; its container and its node live on', async (t) => {
    const [agent, node] = [await pidOf('agent.cjs'), await pidOf('beam.smp')];
    t.equal(await engine.run(Id, 'kill', '-9', agent), '');
    await until('another agent runs', async () => ![agent, ''].includes(await pidOf('agent.cjs')), { withinMs: 20_000 });
    await until('it has connected', answers, { withinMs: 60_000 });
    t.equal(await pidOf('beam.smp'), node, 'the node is the same process');
    const { State, RestartCount } = await engine.docker.getContainer(Id).inspect();
    t.strictSame([State.StartedAt, RestartCount], [inspected.find((each) => each.Id === Id)?.State.StartedAt, 0], 'the container is the same');
  });

  await t.test('all agents are updated, where there is nothing to unpack with; each node is the same process', async (t) => {
    const beams = async () => await Promise.all(all.map(async (each) => await engine.run(each.Id, 'pgrep', '-of', 'beam.smp')));
    const before = await beams();
    const sha256 = await (await AgentVariants.of(join(workshop.directory, 'packages'))).next();
    expectExit(t, await workshop.wo('host', 'update', '--all'), 0);
    t.strictSame((await workshop.fleet.hosts()).map(({ agentPackage }) => agentPackage), [sha256, sha256, sha256], 'what the hosts say');
    t.strictSame(await beams(), before);
    await isOneCluster();
  });

  await t.test('a container that is stopped and started is a machine that was booted anew', async () => {
    await engine.docker.getContainer(Id).restart({ t: 30 });
    await until('its agent has connected', answers, { withinMs: 90_000 });
    await workshop.untilRunning(3, { withinMs: 90_000 });
    await isOneCluster();
  });

  for (const node of nodes) await workshop.ok('node', 'remove', idOf(node), '--delete-data', '--yes');
  for (const each of hosts) await workshop.ok('host', 'remove', idOf(each), '--yes');
  t.strictSame(await containers(), [], 'no container is left');
});
