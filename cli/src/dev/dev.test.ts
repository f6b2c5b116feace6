import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@wombat/proto';
import { identifyProcess, isAlive, parseIdentity } from '@wombat/proto/processes';
import t, { type Test } from 'tap';
import { runWo, startWo } from '../testing/run-wo.js';
import { CoordinatorProcess } from './coordinator-process.js';
import { DevDirectory } from './dev-directory.js';

/** A directory, and a launcher beside it that starts the fake coordinator, or does what `body` says. */
async function workshop(t: Test, body?: string): Promise<{ dir: string; launcher: string; env: Record<string, string> }> {
  const root = t.testdir({ home: {} });
  const launcher = join(root, 'launcher.mjs');
  const program = body ?? `import { runFakeCoordinator } from ${JSON.stringify(new URL('../testing/fake-launcher.js', import.meta.url).href)};\nawait runFakeCoordinator(process.argv);\n`;
  await writeFile(launcher, `#!/usr/bin/env node\n${program}`, { mode: 0o755 });
  return { dir: join(root, 'dev'), launcher, env: { HOME: join(root, 'home'), PATH: process.env['PATH']!, WO_COORDINATOR_BIN: launcher } };
}

const exists = (path: string): Promise<boolean> => access(path).then(() => true, () => false);

async function sleeper(t: Test): Promise<ChildProcess> {
  const child = spawn('sleep', ['600']);
  t.teardown(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  return child;
}

t.test('wo dev: a context in the directory, the provider local, and nothing left at the end', async (t) => {
  const { dir, env } = await workshop(t);
  const { io, exit } = startWo(undefined, ['dev', '--dir', dir], { env });
  await io.stderr.until('Ctrl-C ends it');
  t.equal(io.stdout.text, `export WO_CONFIG_DIR=${dir}\n`, 'a script gets what it needs');
  const second = await runWo(undefined, ['dev', '--dir', dir], { env });
  t.equal(second.exit, 8, 'a second one on the same directory');
  t.match(second.stderr, `runs already, as process ${process.pid}`);
  const list = await runWo(undefined, ['node', 'list', '-o', 'name'], { env: { ...env, WO_CONFIG_DIR: dir } });
  t.equal(list.stdout, 'web-1\n', 'other commands find the coordinator by the directory');
  t.equal(await exists(join(env['HOME']!, '.config')), false, 'the configuration of the user is left alone');
  const left = parseIdentity(await readFile(join(dir, 'coordinator.process.json'), 'utf8'))!;
  io.signals.emit('SIGINT');
  t.equal(await exit, 0, io.stderr.text);
  const calls = JSON.parse(await readFile(join(dir, 'coordinator', 'calls'), 'utf8')) as string[];
  t.same(calls.filter((name) => !name.startsWith('list') && name !== 'watchOperation'), ['registerProvider', 'removeNodes', 'removeHost'], 'first nodes, then hosts');
  t.equal(isAlive(left), false, 'the coordinator is stopped');
  t.same(await Promise.all(['dev.lock', 'coordinator.process.json'].map((name) => exists(join(dir, name)))), [false, false]);
});

t.test('wo dev without --dir: the user gets the context; --leave-running removes nothing', async (t) => {
  const { env } = await workshop(t);
  const { io, exit } = startWo(undefined, ['dev', '--leave-running'], { env });
  await io.stderr.until('Ctrl-C ends it');
  const dir = join(env['HOME']!, '.local', 'share', 'wombat', 'dev');
  const list = await runWo(undefined, ['node', 'list', '-o', 'name'], { env });
  t.equal(list.stdout, 'web-1\n');
  io.signals.emit('SIGTERM');
  t.equal(await exit, 0);
  t.notMatch(await readFile(join(dir, 'coordinator', 'calls'), 'utf8'), /remove/);
  t.match(io.stderr.text, 'nodes and agents run on');
});

t.test('a coordinator that dies is started again, and the context follows its address', async (t) => {
  const { dir, launcher, env } = await workshop(t);
  const directory = new DevDirectory(dir);
  await directory.create();
  const served: string[] = [];
  const told: string[] = [];
  let onServed: () => void = () => {};
  const coordinator = new CoordinatorProcess({
    directory, launcher, env, clock: systemClock, tell: (text) => told.push(text),
    onServing: async ({ control }) => (served.push(control), await directory.writeContext(control), onServed()),
  });
  t.teardown(() => coordinator.stop());
  await coordinator.start();
  const again = new Promise<void>((resolve) => (onServed = resolve));
  coordinator.kill();
  await again;
  t.equal(served.length, 2);
  t.match(await readFile(join(dir, 'config.toml'), 'utf8'), served[1]!);
  t.same(told, ['the coordinator died; nodes and agents go on; it is started again', 'the coordinator is ready again']);
});

t.test('a coordinator that an earlier, killed wo dev left behind is ended first', async (t) => {
  const { dir, launcher, env } = await workshop(t);
  const directory = new DevDirectory(dir);
  await directory.create();
  const orphan = await sleeper(t);
  await writeFile(directory.coordinatorProcess, JSON.stringify(identifyProcess(orphan.pid!)));
  const coordinator = new CoordinatorProcess({ directory, launcher, env, clock: systemClock, tell: () => {}, onServing: async () => {} });
  const ended = once(orphan, 'exit');
  await coordinator.start();
  const [, signal] = (await ended) as [number | null, string];
  t.equal(signal, 'SIGTERM');
  await coordinator.stop();
});

t.test('a coordinator that will not start: what it said last, and where its log is', async (t) => {
  const { dir, launcher, env } = await workshop(t, 'console.error("Segmentation fault"); process.exit(1);');
  const directory = new DevDirectory(dir);
  await directory.create();
  const clock = { ...systemClock, sleep: () => Promise.resolve() };
  const coordinator = new CoordinatorProcess({ directory, launcher, env, clock, tell: () => {}, onServing: async () => {} });
  const failure = { code: 'WO_UNAVAILABLE', message: /does not start: Segmentation fault/, hint: new RegExp(`${directory.log}$`) };
  await t.rejects(coordinator.start(), failure);
  await t.rejects(coordinator.gaveUp, failure, 'whoever waits for it later hears it too');
  await coordinator.stop();
});

t.test('a coordinator that says why it will not start is not asked again', async (t) => {
  const block = ['error WO_STORE_NEWER: the store has schema 99', '  why: The store was written by a newer version.', '  try: start that version', '  see: wo explain WO_STORE_NEWER'];
  const { dir, launcher, env } = await workshop(t, `console.error(${JSON.stringify(block.join('\n'))}); process.exit(1);`);
  const ran = await runWo(undefined, ['dev', '--dir', dir], { env: { ...env, WO_COORDINATOR_BIN: launcher } });
  t.equal(ran.exit, 1);
  t.equal(ran.stderr.trim(), block.join('\n'), 'its error is told as it is');
  t.equal((await readFile(new DevDirectory(dir).log, 'utf8')).match(/error WO_/g)?.length, 1, 'it was started once');
});

t.test('wo coordinator and wo agent pass arguments, environment and exit code through', async (t) => {
  const { env, launcher } = await workshop(t, "import { writeFileSync } from 'node:fs'; writeFileSync(process.env.SEEN, JSON.stringify(process.argv.slice(2))); process.exit(7);");
  const seen = join(env['HOME']!, 'seen');
  for (const program of ['coordinator', 'agent']) {
    const ran = await runWo(undefined, [program, '--help', '-o', 'json'], { env: { ...env, WO_AGENT_BIN: launcher, SEEN: seen } });
    t.equal(ran.exit, 7);
    t.same(JSON.parse(await readFile(seen, 'utf8')), ['--help', '-o', 'json']);
  }
});
