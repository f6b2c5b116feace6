import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import t from 'tap';
import { HostPhase } from '@wombat/proto/control';
import { launchers } from '../support/checkout.js';
import { nameOf } from '../support/fleet-view.js';
import { spawnPlain, usualEnvironment } from '../support/spawn-plain.js';
import { notYet, until } from '../support/until.js';
import { tellResult, WoProcess } from '../support/wo.js';
import { Workshop } from '../support/workshop.js';

t.setTimeout(180_000);

/** Another address of loopback stands for another machine: only what is advertised leads there. */
const elsewhere = '127.77.3.9';

t.test('a coordinator at a chosen address: a machine joins by hand, an operator has nothing but a context', async (t) => {
  const workshop = await Workshop.open(t, {
    settings: {
      'control-address': `${elsewhere}:0`, 'agents-address': `${elsewhere}:0`, 'http-address': `${elsewhere}:0`,
    },
  });
  const { directory } = workshop.coordinator;
  const addresses = JSON.parse(readFileSync(join(directory, 'addresses.json'), 'utf8')) as { control: string; agents: string };
  t.match(addresses.control, new RegExp(`^${elsewhere}:`), 'it listens where it was told to');

  // An operator on another machine: address, token, and the sha256 of the authority.
  const config = join(workshop.directory, 'operator');
  mkdirSync(config);
  const pin = createHash('sha256').update(new X509Certificate(readFileSync(join(directory, 'ca/ca.crt'))).raw).digest('hex');
  const asOperator = async (...words: readonly string[]) => new WoProcess(words, { configDirectory: config }).ended;
  const add = (sha256: string) => asOperator('context', 'add', 'far', '--control', addresses.control, '--token', `file:${join(directory, 'operator.token')}`, '--ca-sha256', sha256);
  t.match(await add('f'.repeat(64)), { code: 4, stderr: /WO_CA_MISMATCH/ }, 'an authority that is another is not believed');
  const added = await add(pin);
  t.equal(added.code, 0, `the pin is enough: ${tellResult(added)}`);

  // A machine that somebody set up.
  const created = await asOperator('token', 'create', 'rack-7');
  t.match(created.stderr, `wo agent --coordinator ${addresses.agents} --join-token-file FILE`, 'what to run there is told, with the address that agents reach');
  const token = join(workshop.directory, 'rack-7.token');
  writeFileSync(token, created.stdout, { mode: 0o600 });
  const agent = spawnPlain(launchers.wo, ['agent', '--coordinator', addresses.agents, '--join-token-file', token, '--directory', join(workshop.directory, 'rack-7')], usualEnvironment(), { stdio: 'ignore' });
  t.teardown(() => void agent.kill('SIGKILL'));
  await until('the machine is a host', async () => {
    const [host] = await workshop.fleet.hosts();
    return (host && nameOf(host) === 'rack-7' && host.phase === HostPhase.UP) || notYet(host);
  });
  const ran = await asOperator('exec', 'rack-7', '--', 'echo', 'hello from here');
  t.match(ran, { code: 0, stdout: /hello from here/ }, tellResult(ran));
  await until('wo doctor finds the host well', async () => {
    const doctor = await asOperator('doctor');
    return (doctor.code === 0 && /PASS {2}rack-7 clock/.test(doctor.stdout)) || notYet(tellResult(doctor));
  });

  // TERM to `wo agent` reaches the agent, and its exit code comes back.
  const exited = new Promise<number | null>((resolve) => agent.once('exit', (code) => resolve(code)));
  agent.kill('SIGTERM');
  t.equal(await exited, 0, 'it ends in good order');
});

t.test('wo coordinator: a second one in the directory is refused, and so is plain HTTP for others', async (t) => {
  const workshop = await Workshop.open(t);
  const second = await workshop.wo('coordinator', '--directory', workshop.coordinator.directory, '--control-address', '127.0.0.1:0', '--agents-address', '127.0.0.1:0', '--http-address', '127.0.0.1:0');
  t.match(second, { code: 2, stderr: /error WO_IN_USE: process \d+ works in/ }, 'two would drive one store');
  const open = await workshop.wo('coordinator', '--directory', join(workshop.directory, 'other'), '--http-address', '0.0.0.0:0');
  t.match(open, { code: 2, stderr: /error WO_CONFIG_INVALID: http.address: 0.0.0.0 can be reached from other machines[^]*why:[^]*try:[^]*see: wo explain/ }, 'in the four lines');
});

t.test('wo init: what it writes is what a coordinator takes', async (t) => {
  const workshop = await Workshop.closed(t);
  await workshop.ok('init', '--dir', workshop.directory);
  const path = join(workshop.directory, 'wombat.toml');
  const text = readFileSync(path, 'utf8');
  t.match(text, /^#address = "127\.0\.0\.1:7420"$/m, 'each key is there with its default');
  writeFileSync(path, text.replace('#address = "127.0.0.1:7420"', 'address = "no address"'));
  t.match(await workshop.wo('coordinator', '--config', path), { code: 2, stderr: /control\.address \(.*wombat\.toml\)/ }, 'and the file is read');
});
