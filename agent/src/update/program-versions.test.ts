import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { ProgramVersions } from './program-versions.js';

const launcher = fileURLToPath(new URL('../../bin/wombat-agent-launch', import.meta.url));
const [older, old, fresh] = ['0', 'a', 'b'].map((digit) => digit.repeat(64)) as [string, string, string];

const open = (directory: string): ProgramVersions => ProgramVersions.open(directory)!;

/** A machine that runs `old`; what `fresh` does is a line of a shell, which has the directory as $program. */
function machine(t: Test, does: string): { readonly directory: string; readonly versions: ProgramVersions } {
  const program = (line: string): { readonly bin: { readonly 'wombat-agent': string } } => ({ bin: { 'wombat-agent': `#!/bin/sh\nprogram=\${0%/current/*}\n${line}\n` } });
  const directory = t.testdir({ versions: { [older]: program('echo older'), [old]: program('echo "old $1"'), [fresh]: program(does) } });
  symlinkSync(`versions/${old}`, join(directory, 'current'));
  return { directory, versions: open(directory) };
}

async function launch(directory: string): Promise<{ readonly code: number | null; readonly text: string }> {
  for (const version of [older, old, fresh]) {
    const path = join(directory, 'versions', version, 'bin/wombat-agent');
    if (existsSync(path)) chmodSync(path, 0o755);
  }
  const child = spawn(launcher, [directory, 'word'], { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, WOMBAT_UPDATE_CONFIRM_SECONDS: '1' } });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, text };
}

/** A zombie has no words. */
function runs(pid: number): boolean {
  return existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`).length > 0;
}

t.test('without an update the current version is started', async (t) => {
  const { directory } = machine(t, 'echo fresh');
  t.strictSame(await launch(directory), { code: 0, text: 'old word\n' });
});

t.test('a new version that proves itself stays, and the one before with it', async (t) => {
  const { directory, versions } = machine(t, 'rm "$program/pending"; echo fresh; sleep 1.2; exit 7');
  versions.begin(fresh, 'op-1');
  t.throws(() => versions.begin(fresh, 'op-1'), { code: 'WO_IN_USE' }, 'one update at a time');
  t.strictSame(await launch(directory), { code: 7, text: 'fresh\n' }, 'its exit code is the launcher\'s');
  t.equal(open(directory).running, fresh);
  t.equal(versions.failed(), undefined);
});

t.test('confirmed, versions older than the one before are gone', async (t) => {
  const { directory, versions } = machine(t, '');
  versions.begin(fresh, 'op-1');
  versions.confirm();
  t.ok(existsSync(join(directory, 'pending')), 'who is about to end confirms nobody');
  open(directory).confirm();
  t.strictSame(readdirSync(join(directory, 'versions')).sort(), [old, fresh]);
  t.notOk(existsSync(join(directory, 'pending')));
});

t.test('a new version that ends at once is taken back', async (t) => {
  const { directory, versions } = machine(t, 'exit 9');
  versions.begin(fresh, 'op-1');
  t.strictSame(await launch(directory), { code: 0, text: 'old word\n' }, 'the one before runs');
  t.equal(open(directory).running, old);
  t.match(versions.failed(), { updateId: 'op-1', reason: /exit code 9/ });
  t.notOk(existsSync(join(directory, 'versions', fresh)), 'what was given up takes no space');
});

t.test('a new version that hangs is taken back', async (t) => {
  const { directory, versions } = machine(t, 'exec sleep 60');
  versions.begin(fresh, 'op-1');
  t.strictSame(await launch(directory), { code: 0, text: 'old word\n' });
  t.match(versions.failed(), { updateId: 'op-1', reason: /not greeted it after 1 s/ });
});

t.test('a machine that was cut off comes back with the version before', async (t) => {
  const during = machine(t, 'echo fresh');
  during.versions.begin(fresh, 'op-1');
  writeFileSync(join(during.directory, 'pending.tried'), '');
  t.strictSame(await launch(during.directory), { code: 0, text: 'old word\n' }, 'during its try');
  t.match(during.versions.failed(), { updateId: 'op-1', reason: /cut off/ });

  const before = machine(t, 'echo fresh');
  before.versions.begin(fresh, 'op-1');
  unlinkSync(join(before.directory, 'current'));
  symlinkSync(`versions/${old}`, join(before.directory, 'current'));
  open(before.directory).confirm();
  t.ok(existsSync(join(before.directory, 'pending')), 'the version before does not confirm the new one');
  t.strictSame(await launch(before.directory), { code: 0, text: 'old word\n' }, 'before the switch');
  t.match(before.versions.failed(), { updateId: 'op-1', reason: /before it began/ });
});

t.test('a new version that cannot be taken back is not run for good', async (t) => {
  const { directory, versions } = machine(t, 'exit 9');
  versions.begin(fresh, 'op-1');
  mkdirSync(join(directory, 'current.new'));
  t.strictSame(await launch(directory), { code: 1, text: '' }, 'nothing runs');
  t.ok(existsSync(join(directory, 'pending')), 'and the next start tries again');
  rmSync(join(directory, 'current.new'), { recursive: true });
  t.strictSame(await launch(directory), { code: 0, text: 'old word\n' });
});

t.test('an update that cannot be begun leaves nothing behind', async (t) => {
  const { directory, versions } = machine(t, '');
  rmSync(join(directory, 'current'));
  mkdirSync(join(directory, 'current'));
  t.throws(() => versions.begin(fresh, 'op-1'), /directory/);
  t.notOk(existsSync(join(directory, 'pending')), 'the next one is not in its way');
  t.equal(ProgramVersions.open(directory), undefined, 'what bears no name of a version is not updated');
});

t.test('a version that is not there is refused', async (t) => {
  const { directory, versions } = machine(t, '');
  rmSync(join(directory, 'versions', fresh), { recursive: true });
  t.throws(() => versions.begin(old, 'op-1'), { code: 'WO_CONFLICT' }, 'nor is the one that runs a new one');
  t.throws(() => versions.begin(old, 'a b\nc'), { code: 'WO_INVALID_ARGUMENT' }, 'an id that would break the file');
  for (const name of [fresh, '../../etc']) t.throws(() => versions.begin(name, 'op-1'), { code: 'WO_NOT_FOUND' }, name);
  t.equal(open(directory).running, old, 'nothing has changed');
});

/** The launcher at the try of `fresh`, which has begun. */
async function trying(t: Test, does: string): Promise<{ readonly directory: string; readonly versions: ProgramVersions; readonly child: ChildProcess; readonly agent: number }> {
  const { directory, versions } = machine(t, does);
  for (const version of [old, fresh]) chmodSync(join(directory, 'versions', version, 'bin/wombat-agent'), 0o755);
  versions.begin(fresh, 'op-1');
  const child = spawn(launcher, [directory], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return { directory, versions, child, agent: Number(readFileSync(join(directory, 'agent.pid'), 'utf8')) };
}

t.test('an agent whose launcher was killed during the try is ended before the next one starts', async (t) => {
  const { directory, versions, child, agent } = await trying(t, 'echo fresh; exec sleep 30');
  child.kill('SIGKILL');
  t.strictSame(await launch(directory), { code: 0, text: 'old word\n' }, 'the version before');
  t.notOk(runs(agent), 'the orphan is gone');
  t.match(versions.failed(), { updateId: 'op-1', reason: /cut off/ });
  t.notOk(existsSync(join(directory, 'agent.pid')), 'nor is it looked for again');
});

t.test('a stop during the try ends both, and the next start tries again', async (t) => {
  const { directory, versions, child, agent } = await trying(t, 'echo fresh; exec sleep 30');
  child.kill('SIGTERM');
  t.strictSame(await once(child, 'exit'), [143, null], 'as its agent ended');
  t.notOk(runs(agent), 'its agent is gone');
  t.strictSame([existsSync(join(directory, 'pending')), existsSync(join(directory, 'pending.tried')), versions.failed()], [true, false, undefined], 'nothing is said against the new version');
});

t.test('an agent that does not hear a stop is killed after five seconds', { skip: process.env['WOMBAT_TEST_FULL'] ? false : 'in full runs: it takes five seconds' }, async (t) => {
  const { child, agent } = await trying(t, 'trap "" TERM; echo fresh; while :; do sleep 1; done');
  child.kill('SIGTERM');
  t.strictSame(await once(child, 'exit'), [137, null]);
  t.notOk(runs(agent));
});
