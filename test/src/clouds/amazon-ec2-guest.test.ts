import { join } from 'node:path';
import { HostPhase } from '@wombat/proto/control';
import { Ec2View, startMoto, withoutMoto } from '@wombat/provider-amazon-ec2/testing';
import t from 'tap';
import { packageAgent } from '../support/agent-packages.js';
import { without } from '../support/checkout.js';
import { idOf, tellHost } from '../support/fleet-view.js';
import { Guest } from '../support/machines/guest.js';
import { Lab } from '../support/machines/lab.js';
import { freePort } from '../support/network.js';
import { packScripts, sleeper } from '../support/releases.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

/** An emulated processor takes its time. */
const bootMs = 900_000;
t.setTimeout(bootMs + 300_000);

const skip = process.env['WOMBAT_TEST_FULL'] ? Lab.impossible() || without('qemu-system-x86_64', 'mmdebstrap', 'mke2fs', 'socat') || withoutMoto() : 'in full runs';

t.test('a booted QEMU guest, Debian 12 with a kernel of its own, real cloud-init: the user-data that the driver amazon-ec2 gave moto installs the agent, which runs a release', { skip }, async (t) => {
  const { endpoint } = await startMoto(t);
  const view = new Ec2View(endpoint, 'us-east-1');
  const [agents, http] = [await freePort(), await freePort()];
  const workshop = await Workshop.open(t, {
    settings: { 'agents-address': `127.0.0.1:${agents}`, 'advertise-agents': `${Guest.relayAddress}:${agents}`, 'http-address': `127.0.0.1:${http}`, 'advertise-http': `${Guest.relayAddress}:${http}` },
    environment: (directory) => ({ AWS_ENDPOINT_URL_EC2: endpoint, WOMBAT_HTTP_TLS: 'true', WOMBAT_AGENT_PACKAGES: join(directory, 'packages'), WOMBAT_HOSTS_ENROL_TIMEOUT_MS: String(bootMs) }),
  });
  await packageAgent(join(workshop.directory, 'packages'));
  const tarball = await packScripts(join(workshop.directory, 'sleepers.tar.gz'), [sleeper]);
  const provider = await workshop.ok('register-provider', 'My EC2 Account', 'AKIAWOMBATTEST', 'the/secret', 'amazon-ec2');
  const release = await workshop.ok('upload-release', 'Sleepers', tarball, 'bin/start');
  const family = await workshop.ok('create-family', 'Sleepers', '--sel', 'random');
  await workshop.ok('attach-release', family, release);
  await workshop.ok('add-domain', family, provider, await view.imageId(), 't3.small');
  await workshop.ok('deploy-nodes', family, '--amount', '1', '--detach');
  const instance = await until('EC2 has a machine', async () => (await view.instances())[0] ?? notYet((await workshop.fleet.hosts()).map(tellHost)));
  const { InstanceId: instanceId = '', InstanceType: instanceType = '', Placement } = instance;
  const zone = Placement?.AvailabilityZone ?? '';

  const guest = await Guest.boot(t, { instanceId, instanceType, zone, userData: await view.userData(instanceId) }, [agents, http]);
  const [node] = await workshop.untilRunning(1, { withinMs: bootMs }).catch(async (error: unknown) => {
    t.comment(guest.console(), (await workshop.fleet.hosts()).map(tellHost));
    throw error;
  });
  const [host] = await workshop.fleet.hosts();
  t.equal(host?.phase, HostPhase.UP, 'its agent has joined by itself');
  for (const [name, value] of Object.entries({ 'cloud.name': 'aws', 'cloud.region': 'us-east-1', 'cloud.zone': zone, 'cloud.instance-id': instanceId, 'cloud.instance-type': 't3.small' })) {
    t.equal(await workshop.ok('match', `${name} = "${value}"`, '--on', 'hosts', '-o', 'name'), host?.metadata?.name, `${name} is what the metadata service told the machine: ${value}`);
  }
  t.match(await workshop.ok('exec', idOf(node), '--timeout', '1m', '--', 'uname', '-r'), /cloud-amd64/, 'commands run in the guest, on its own kernel');
  await workshop.ok('node', 'remove', idOf(node), '--delete-data', '--yes');
  await workshop.ok('host', 'remove', idOf(host), '--yes');
  t.strictSame(await view.instances(), [], 'and the machine is ended');
});
