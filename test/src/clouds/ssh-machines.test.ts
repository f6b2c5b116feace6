import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostPhase } from '@wombat/proto/control';
import { newKey, type KeyPair } from '@wombat/provider-ssh/testing';
import t, { type Test } from 'tap';
import { packageAgent } from '../support/agent-packages.js';
import { without } from '../support/checkout.js';
import { idOf, tellHost } from '../support/fleet-view.js';
import { Lab } from '../support/machines/lab.js';
import type { Machine } from '../support/machines/machine.js';
import { freePort } from '../support/network.js';
import { packScripts, sleeper } from '../support/releases.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

t.setTimeout(600_000);

const skip = process.env['WOMBAT_TEST_FULL'] ? Lab.impossible() || without('systemd-nspawn', 'mmdebstrap', 'socat', 'ip', 'ssh-keygen') : 'in full runs';

const password = 'canary horse battery';

/** What a machine is given at its first boot: who may log in, and the host key that is pinned. */
function userData(user: KeyPair, hostKey: KeyPair, rule: string): string {
  return `#cloud-config\n${JSON.stringify({
    disable_root: false,
    ssh_keys: { ed25519_private: hostKey.private, ed25519_public: hostKey.public },
    users: [
      { name: 'root', ssh_authorized_keys: [user.public] },
      { name: 'deploy', shell: '/bin/bash', ssh_authorized_keys: [user.public], sudo: rule, lock_passwd: false, plain_text_passwd: password },
    ],
  })}\n`;
}

/** Everything that an agent could leave: files, accounts, units, users of processes. What the system itself writes as time goes by is left out, and connections, which are kept for a while. */
async function likeness(machine: Machine): Promise<string> {
  const elsewhere = ['/proc', '/sys', '/run', '/tmp', '/dev', '/var/log', '/var/lib/systemd', '/var/lib/sudo', '/var/lib/cloud', '/var/cache'].map((path) => `-path ${path}`).join(' -o ');
  return await machine.run('sh', '-c', `
    find / \\( ${elsewhere} \\) -prune -o ! -path '/etc/*-' -print | LC_ALL=C sort
    sha256sum /etc/passwd /etc/group /etc/shadow /etc/gshadow
    systemctl list-unit-files --no-legend --plain | LC_ALL=C sort
    ls /tmp
    ps -eo user:32=,comm= | grep -v sshd | awk '{print $1}' | LC_ALL=C sort -u`);
}

t.test('systemd-nspawn, clean Debian 12, real sshd: the driver ssh installs the agent as root, by sudo, and by sudo with a password, and leaves nothing behind', { skip }, async (t) => {
  const lab = await Lab.open(t);
  const [agents, http] = [await freePort(), await freePort()];
  const workshop = await Workshop.open(t, {
    settings: { 'agents-address': `127.0.0.1:${agents}`, 'advertise-agents': `${lab.address}:${agents}`, 'http-address': `127.0.0.1:${http}`, 'advertise-http': `${lab.address}:${http}` },
    environment: (directory) => ({ WOMBAT_HTTP_TLS: 'true', WOMBAT_AGENT_PACKAGES: join(directory, 'packages') }),
  });
  await packageAgent(join(workshop.directory, 'packages'));
  for (const port of [agents, http]) await lab.relay(t, port);

  const [user, hostKey] = [newKey(), newKey()];
  const key = join(workshop.directory, 'id_ed25519');
  writeFileSync(key, user.private, { mode: 0o600 });
  const free = 'ALL=(ALL) NOPASSWD:ALL';
  const asks = 'ALL=(ALL) ALL';
  const machines = await Promise.all([['by-root', free], ['by-sudo', free], ['by-password', asks]].map(async ([name, rule]) => await lab.boot(name!, userData(user, hostKey, rule!))));
  const register = async (t: Test, name: string, machine: Machine, settings: Readonly<Record<string, string>>) => {
    const port = await lab.reach(t, machine, 22);
    const spelled = JSON.stringify([{ name, address: '127.0.0.1', port, internalAddress: machine.address, hostKey: hostKey.public }]);
    const words = Object.entries({ machines: spelled, ...settings }).flatMap(([setting, value]) => ['--set', `${setting}=${value}`]);
    return await workshop.wo('register-provider', name, `file:${key}`, 'ssh', ...words);
  };
  const [byRoot, bySudo, byPassword] = machines as [Machine, Machine, Machine];
  await until('all sshd answer', async () => (await Promise.all(machines.map(async (machine) => await machine.run('systemctl', 'is-active', 'ssh')))).every((state) => state.trim() === 'active'));

  await t.test('who cannot become root is told so', async (t) => {
    for (const [name, machine, settings, why] of [
      ['Plain', bySudo, { user: 'deploy' }, /deploy is not root there: set sudo, or the scope home/],
      ['Asked', byPassword, { user: 'deploy', sudo: 'true' }, /deploy cannot become root: sudo: a password is required/],
      ['Wrong', byPassword, { user: 'deploy', sudo: 'true', sudoPassword: 'wrong' }, /sudo refuses the password of deploy/],
    ] as const) {
      const { code, stderr } = await register(t, name, machine, settings);
      t.equal(code, 1, `${name} is not registered`);
      t.match(stderr, why);
    }
  });

  const before = await Promise.all(machines.map(likeness));
  await register(t, 'Root', byRoot, { asRoot: 'true' });
  await register(t, 'Sudo', bySudo, { user: 'deploy', sudo: 'true' });
  await register(t, 'Password', byPassword, { user: 'deploy', sudo: 'true', sudoPassword: password });
  const release = await workshop.ok('upload-release', 'Sample', await packScripts(join(workshop.directory, 'sample.tar.gz'), [sleeper]), 'bin/start');
  const family = await workshop.ok('create-family', 'Samples');
  await workshop.ok('attach-release', family, release);
  for (const name of ['Root', 'Sudo', 'Password']) await workshop.ok('add-domain', family, name, 'as-is', 'as-is', '--max-hosts', '1');
  await workshop.ok('deploy-nodes', family, '--amount', '3');
  const nodes = await workshop.untilRunning(3);
  const hosts = await workshop.fleet.hosts();
  t.strictSame(hosts.map(({ addresses }) => addresses.join()).sort(), machines.map(({ address }) => address).sort(), 'a node on each machine');

  await t.test('the agent is a unit of systemd with a user of its own', async (t) => {
    for (const machine of machines) {
      t.equal((await machine.run('systemctl', 'is-active', 'wombat-agent')).trim(), 'active');
      t.equal((await machine.run('systemctl', 'show', '--value', '-p', 'User', 'wombat-agent')).trim(), machine === byRoot ? 'root' : 'wombat-agent');
      t.match(await machine.run('stat', '-c', '%a %U', '/var/lib/wombat-host', '/var/lib/wombat-host/install.sh'), /^700 root\n600 root\n$/, 'nobody else reads the reservation');
    }
  });

  for (const node of nodes) await workshop.ok('node', 'remove', idOf(node), '--delete-data', '--yes');
  for (const host of hosts) await workshop.ok('host', 'remove', idOf(host), '--yes');
  await until('the machines are given back', async () => {
    const left = (await workshop.fleet.hosts()).filter(({ phase }) => phase !== HostPhase.GONE);
    return left.length === 0 || notYet(left.map(tellHost));
  }, { withinMs: 120_000 });
  for (const [index, machine] of machines.entries()) t.equal(await likeness(machine), before[index], `${machine.address} is as it was: files, accounts, units, processes`);
});
