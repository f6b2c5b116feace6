import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostPhase } from '@wombat/proto/control';
import { newKey, Sshd, withoutSshd } from '@wombat/provider-ssh/testing';
import t from 'tap';
import { packageAgent } from '../support/agent-packages.js';
import { expectExit } from '../support/expect.js';
import { idOf, tellHost } from '../support/fleet-view.js';
import { describeProcess } from '../support/processes.js';
import { packScripts, sleeper } from '../support/releases.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(180_000);

t.test('driver ssh: two machines with an sshd each become hosts, run a node each, and are as before when they are given back', { skip: withoutSshd() }, async (t) => {
  const workshop = await Workshop.open(t, { environment: (directory) => ({ WOMBAT_HTTP_TLS: 'true', WOMBAT_AGENT_PACKAGES: join(directory, 'packages') }) });
  const user = newKey();
  const [parent, key, inventory] = ['machines', 'id_ed25519', 'machines.yaml'].map((name) => join(workshop.directory, name)) as [string, string, string];
  mkdirSync(parent);
  const machines = await Promise.all(['127.0.0.2', '127.0.0.3'].map(async (address) => await Sshd.start(t, { user, address, parent })));
  await packageAgent(join(workshop.directory, 'packages'));
  writeFileSync(key, user.private, { mode: 0o600 });
  writeFileSync(inventory, machines.map(({ address, port, hostKey }, index) => `- {name: web-${index + 1}, address: ${address}, port: ${port}, hostKey: ${hostKey.public}}\n`).join(''));

  const provider = await workshop.ok('register-provider', 'Rack', `file:${key}`, 'ssh', '--set', `inventory=${inventory}`, '--set', `user=${machines[0]!.user}`, '--set', 'scope=home');
  const verified = expectExit(t, await workshop.wo('provider', 'verify', 'Rack'), 0);
  t.match(verified.stdout + verified.stderr, /2 machines, 2 free/, 'verify has been on all of them');
  const release = await workshop.ok('upload-release', 'Sample', await packScripts(join(workshop.directory, 'sample.tar.gz'), [sleeper]), 'bin/start');
  const family = await workshop.ok('create-family', 'Samples');
  await workshop.ok('attach-release', family, release);
  await workshop.ok('add-domain', family, provider, 'as-is', 'as-is');
  await workshop.ok('deploy-nodes', family, '--amount', '2');
  const nodes = await workshop.untilRunning(2);
  const hosts = await workshop.fleet.hosts();
  t.strictSame(hosts.map(({ phase, addresses }) => [HostPhase[phase], addresses]).sort(), [['UP', ['127.0.0.2']], ['UP', ['127.0.0.3']]], 'a node on each');

  await t.test('after a reboot the next look starts the agent, and that its node', { skip: process.env['WOMBAT_TEST_FULL'] ? false : 'in full runs' }, async (t) => {
    const gone = workshop.processes().filter(({ environment, argv }) => environment['HOME'] === machines[0]!.home || argv.some((word) => word.startsWith(machines[0]!.home)));
    t.ok(gone.length >= 3, `loop, agent and node of one machine: ${gone.map(describeProcess).join('; ')}`);
    for (const { pid } of gone) process.kill(pid, 'SIGKILL');
    await until('that is noticed', async () => (await workshop.fleet.hosts()).some(({ phase }) => phase === HostPhase.UNKNOWN || phase === HostPhase.LOST) || notYet((await workshop.fleet.hosts()).map(tellHost)), { withinMs: 60_000 });
    await workshop.ok('provider', 'verify', 'Rack');
    await until('it is back', async () => (await workshop.fleet.hosts()).every(({ phase }) => phase === HostPhase.UP) || notYet((await workshop.fleet.hosts()).map(tellHost)), { withinMs: 60_000 });
    t.equal((await workshop.untilRunning(2, { withinMs: 60_000 })).length, 2);
  });

  await t.test('when none is free that is said, and with which', async (t) => {
    const failed = expectExit(t, await workshop.wo('deploy-nodes', family, '--amount', '1'), 1);
    t.match(failed.stdout + failed.stderr, /no machine is free: of 2 2 are hosts/, 'why');
  });

  for (const node of nodes) await workshop.ok('node', 'remove', idOf(node), '--yes');
  for (const host of hosts) await workshop.ok('host', 'remove', idOf(host), '--yes');
  await until('the machines are given back', async () => {
    const left = (await workshop.fleet.hosts()).filter(({ phase }) => phase !== HostPhase.GONE && phase !== HostPhase.FAILED);
    return left.length === 0 || notYet(left.map(tellHost));
  }, { withinMs: 60_000 });
  for (const { home } of machines) t.strictSame(readdirSync(home), [], 'no file is left');
  t.strictSame(workshop.processes().filter(({ environment }) => environment['WOMBAT_HOST_ID'] !== undefined).map(describeProcess), [], 'nor a process');
  t.notMatch(readFileSync(workshop.coordinator.log, 'utf8'), /PRIVATE KEY/, 'the key is in no log');
});
