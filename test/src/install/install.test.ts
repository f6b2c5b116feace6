import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HostPhase } from '@wombat/proto/control';
import t from 'tap';
import { packageAgent } from '../support/agent-packages.js';
import { expectExit } from '../support/expect.js';
import { describeProcess } from '../support/processes.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(180_000);

const run = promisify(execFile);
type Ended = { readonly code?: number; readonly stdout: string; readonly stderr: string };

/** What the script did, whichever way it ended. */
async function sh(...words: readonly string[]): Promise<Ended> {
  return run('sh', words, { timeout: 120_000 }).catch((error: unknown) => error as Ended);
}

t.test('a machine installs the agent, joins, keeps it running, and is as before when it is taken away', async (t) => {
  const workshop = await Workshop.open(t, { environment: (directory) => ({ WOMBAT_HTTP_TLS: 'true', WOMBAT_AGENT_PACKAGES: join(directory, 'packages') }) });
  const [packages, machine, script] = ['packages', 'machine', 'install.sh'].map((name) => join(workshop.directory, name)) as [string, string, string];
  const installed = join(machine, 'opt/wombat-agent');
  const hosts = async (phase: HostPhase) => (await workshop.fleet.hosts()).filter((host) => host.phase === phase);

  await t.test('without packages the coordinator says so, and makes no host', async (t) => {
    const refused = await workshop.wo('token', 'create', 'web-3', '--print', 'shell');
    t.match(refused.stderr, /WO_AGENT_PACKAGE_MISSING/, 'the code');
    t.strictSame(await workshop.fleet.hosts(), [], 'no host');
  });

  await packageAgent(packages);
  writeFileSync(script, `${await workshop.ok('token', 'create', 'web-3', '--print', 'shell')}\n`);

  await t.test('a package that is not the one that was named is refused, and nothing of it stays', async (t) => {
    const wrong = join(workshop.directory, 'wrong.sh');
    writeFileSync(wrong, readFileSync(script, 'utf8').replace(/^WOMBAT_JOIN_TOKEN=.*$/m, "WOMBAT_JOIN_TOKEN='wo1.x'"));
    const [name] = readdirSync(packages) as [string];
    const genuine = readFileSync(join(packages, name));
    appendFileSync(join(packages, name), 'one more byte');
    const ended = await sh(wrong, '--prefix', machine);
    writeFileSync(join(packages, name), genuine);
    t.equal(ended.code, 1, `the exit code: ${ended.stderr}`);
    t.match(ended.stderr, /not the one that the coordinator has named/, 'why');
    t.notOk(existsSync(join(installed, 'program/current')), 'nothing was unpacked');
  });

  await t.test('the agent joins', async (t) => {
    const ended = await sh(script, '--prefix', machine, '--label', 'rack=b2');
    t.equal(ended.code, undefined, `the installer: ${ended.stderr}`);
    await until('the host is up', async () => (await hosts(HostPhase.UP))[0] ?? notYet(ended.stderr));
    t.match(await workshop.ok('match', 'label.rack = b2', '--on', 'hosts', '-o', 'name'), /web-3/, 'its label');
    t.notOk(existsSync(join(machine, 'var/lib/wombat-agent/join-token')), 'the token is gone from the disk');
    t.notMatch(ended.stdout + ended.stderr, /wo1\./, 'nor was it printed');
  });

  const agents = () => workshop.processes().filter(({ argv }) => argv.some((word) => word.endsWith('agent.cjs')));

  // One that has just started has helpers for a moment.
  const oneAgent = () => until('one agent runs', () => agents().length === 1 || notYet(agents().map(describeProcess)));

  await t.test('an agent that dies is started again; the same script again changes nothing', async (t) => {
    const [agent] = agents();
    process.kill(agent!.pid, 'SIGKILL');
    await until('another agent runs', () => agents().some(({ pid }) => pid !== agent!.pid));
    const ended = await sh(script, '--prefix', machine);
    t.equal(ended.code, undefined, `the installer: ${ended.stderr}`);
    await until('the host answers', async () => (await workshop.wo('exec', 'web-3', '--', 'true')).code === 0);
    t.equal((await workshop.fleet.hosts()).length, 1, 'one host');
    await oneAgent();
  });

  await t.test('an installation of an older installer, or a package that was put there, becomes one of today', { skip: process.env['WOMBAT_TEST_FULL'] ? false : 'in full runs: it starts the agent once more' }, async (t) => {
    const service = join(installed, 'bin/wombat-agent-service');
    t.equal((await run(service, ['stop', installed, userInfo().username])).stderr, '', 'the loop ends');
    renameSync(join(installed, 'program/versions'), join(installed, 'versions'));
    const [sha256] = readdirSync(join(installed, 'versions')) as [string];
    for (const name of ['program', 'bin', 'install.sh', 'kept/package']) rmSync(join(installed, name), { recursive: true });
    symlinkSync(join(installed, 'versions', sha256), join(installed, 'current'));
    symlinkSync('current/install/install.sh', join(installed, 'install.sh'));
    const [name] = readdirSync(packages) as [string];
    renameSync(join(packages, name), join(workshop.directory, name));
    const ended = await sh(script, '--prefix', machine);
    renameSync(join(workshop.directory, name), join(packages, name));
    t.equal(ended.code, undefined, `the installer, which fetches nothing: ${ended.stderr}`);
    t.strictSame(readdirSync(installed).sort(), ['bin', 'install.sh', 'kept', 'loop.pid', 'program'], 'the layout');
    t.strictSame([readlinkSync(join(installed, 'program/current')), lstatSync(join(installed, 'install.sh')).isFile()], [`versions/${sha256}`, true], 'of files, not links, where root reads');
    await until('the host answers', async () => (await workshop.wo('exec', 'web-3', '--', 'true')).code === 0);
    await oneAgent();
  });

  await t.test('a script for another host leaves this one alone', async (t) => {
    const other = join(workshop.directory, 'other.sh');
    writeFileSync(other, `${await workshop.ok('token', 'create', 'web-4', '--print', 'shell')}\n`);
    const ended = await sh(other, '--prefix', machine);
    t.match(ended.stderr, /this machine is host-\w+ already; take that away first/, 'why');
    await oneAgent();
  });

  await t.test('taken away: commands end, and neither process nor file stays', async (t) => {
    expectExit(t, await workshop.wo('exec', 'web-3', '--detach', '--', 'sleep', '600'), 0);
    await until('the command runs', () => workshop.processes().some(({ argv }) => argv.includes('600')));
    const ended = await sh(join(installed, 'install.sh'), 'uninstall', '--prefix', machine);
    t.equal(ended.code, undefined, `the installer: ${ended.stderr}`);
    t.notOk(existsSync(machine), 'the directory');
    t.strictSame(workshop.processes().filter(({ environment }) => environment['WOMBAT_HOST_ID'] !== undefined).map(describeProcess), [], 'no process of it runs');
  });
});
