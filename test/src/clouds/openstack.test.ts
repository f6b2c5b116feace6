import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostPhase } from '@wombat/proto/control';
import { LiveOpenstack, LiveStage, whyNotHere, type LiveCloud } from '@wombat/provider-openstack/testing';
import t, { type Test } from 'tap';
import { expectExit } from '../support/expect.js';
import { idOf, tellHost } from '../support/fleet-view.js';
import { packScripts, sleeper } from '../support/releases.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// To start an OpenStack takes minutes where its packages are missing.
t.setTimeout(30 * 60_000);

interface Server {
  readonly 'metadata': Readonly<Record<string, string>>;
  readonly 'OS-EXT-SRV-ATTR:user_data': string;
}

/** Servers never boot here, so no package is ever fetched. */
async function openWorkshop(t: Test): Promise<Workshop> {
  const workshop = await Workshop.closed(t, { environment: (directory) => ({ WOMBAT_AGENT_PACKAGES: join(directory, 'packages') }) });
  const content = 'never fetched';
  mkdirSync(join(workshop.directory, 'packages'));
  writeFileSync(join(workshop.directory, 'packages', `wombat-agent-linux-x64-${createHash('sha256').update(content).digest('hex')}.tar.gz`), content);
  await workshop.coordinator.start();
  return workshop;
}

async function prepare(workshop: Workshop, { identity, passwords }: LiveCloud): Promise<string> {
  const password = join(workshop.directory, 'password');
  writeFileSync(password, passwords.member, { mode: 0o600 });
  const settings = [`authUrl=${identity}`, 'userName=demo', `password=file:${password}`, 'projectName=demo', 'networks=demo-net'];
  const provider = await workshop.ok('register-provider', 'Private', 'openstack', ...settings.flatMap((setting) => ['--set', setting]));
  const tarball = await packScripts(join(workshop.directory, 'sample.tar.gz'), [sleeper]);
  const release = await workshop.ok('upload-release', 'Sample', tarball, 'bin/start');
  const family = await workshop.ok('create-family', 'Samples', '--sel', 'random');
  await workshop.ok('attach-release', family, release);
  await workshop.ok('add-domain', family, provider, 'debian-12', 'small');
  return family;
}

t.test('openstack against a real Keystone, Nova, Glance and Neutron: servers with the right tags and user-data, and none when it is called off', { skip: whyNotHere() }, async (t) => {
  const openstack = await LiveOpenstack.start();
  t.teardown(() => openstack.stop());
  const cloud = await LiveStage.open(openstack.cloud);
  t.teardown(async () => void (await cloud.close()));
  const workshop = await openWorkshop(t);
  const family = await prepare(workshop, openstack.cloud);
  const verified = expectExit(t, await workshop.wo('provider', 'verify', 'Private'), 0);
  t.match(verified.stdout + verified.stderr, /user demo, project demo, region RegionOne/, 'verify says who it is');

  const operation = await workshop.ok('deploy-nodes', family, '--amount', '2', '--detach');
  const hosts = await until('two servers boot', async () => {
    const all = await workshop.fleet.hosts();
    return (all.length === 2 && all.every(({ phase }) => phase === HostPhase.BOOTING) ? all : notYet(all.map(tellHost)));
  }, { withinMs: 180_000 });
  const servers = await Promise.all((await cloud.serverIds()).map(async (id) =>
    ((await cloud.ask('admin', 'GET', `/compute/v2.1/servers/${id}`)).body as { server: Server }).server));
  t.strictSame(servers.map(({ metadata }) => metadata['wombat-host']).sort(), hosts.map(idOf).sort(), 'a server for each host');
  for (const { metadata, 'OS-EXT-SRV-ATTR:user_data': encoded } of servers) {
    const userData = Buffer.from(encoded, 'base64').toString();
    t.ok(userData.startsWith('#!/bin/sh\n') && userData.includes(metadata['wombat-host']!), 'it installs the agent of this very host');
    t.equal(userData.match(/wo1\.[^']+/g)?.length, 1, 'with one join token');
  }

  await workshop.restartCoordinator();
  expectExit(t, await workshop.wo('provider', 'verify', 'Private'), 0);
  t.equal((await cloud.serverIds()).length, 2, 'a coordinator that was killed makes no server twice');
  await workshop.ok('operation', 'cancel', operation, '--yes');
  await until('the servers are gone', async () => (await cloud.serverIds()).length === 0 || notYet((await workshop.fleet.hosts()).map(tellHost)), { withinMs: 180_000 });
  t.notMatch(readFileSync(workshop.coordinator.log, 'utf8'), openstack.cloud.passwords.member, 'the password is in no log');
});
