import { execFile, spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Sqlite } from '../../../coordinator/dist/store/sqlite/driver.js';
import t, { type Test } from 'tap';
import { launchers } from '../support/checkout.js';
import { spawnPlain, usualEnvironment } from '../support/spawn-plain.js';
import { expectError } from '../support/told-error.js';
import type { WoResult } from '../support/wo.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

const run = promisify(execFile);
const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
/** Whether another user may run what is built here: only root can become one, and the checkout may be private. */
const nobodyCanRun = spawnSync('setpriv', [...asNobody, 'test', '-r', launchers.coordinator]).status === 0;
const anyPorts = ['control', 'agents', 'http'].flatMap((door) => [`--${door}-address`, '127.0.0.1:0']);

/** Somebody else's server. */
async function listening(t: Test): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

/** By both ways in: the program itself, and `wo` in its place. Its log is no error, so only what is on stderr counts. */
async function refusedBothWays(t: Test, workshop: Workshop, words: readonly string[], code: string, exit: number, says: RegExp): Promise<void> {
  const direct = await new Promise<WoResult>((resolve) => {
    const child = spawnPlain(launchers.coordinator, words, usualEnvironment(), { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
    child.once('close', (status) => resolve({ words, code: status ?? 1, stdout: '', stderr, stdoutBytes: Buffer.alloc(0) }));
  });
  expectError(t, direct, code, exit, says);
  const passed = await workshop.wo('coordinator', ...words);
  expectError(t, { ...passed, stdout: '' }, code, exit, says);
}

t.test('a port of the coordinator is taken', async (t) => {
  const workshop = await Workshop.closed(t);
  const { port } = await listening(t);
  for (const door of ['control', 'agents', 'http']) {
    const words = ['--directory', workshop.coordinator.directory, ...anyPorts.map((word, index) => (anyPorts[index - 1] === `--${door}-address` ? `127.0.0.1:${port}` : word))];
    await refusedBothWays(t, workshop, words, 'WO_ADDRESS_IN_USE', 1, new RegExp(`127\\.0\\.0\\.1:${port}`));
  }
  t.strictSame(workshop.processes(), [], 'nothing runs');
});

t.test('the port that agents and contexts know is taken', async (t) => {
  const workshop = await Workshop.closed(t);
  const { control } = await workshop.coordinator.start();
  await workshop.coordinator.end('SIGTERM');
  const server = createServer().listen(Number(control.split(':')[1]), '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  await refusedBothWays(t, workshop, ['--directory', workshop.coordinator.directory, ...anyPorts], 'WO_ADDRESS_IN_USE', 1, new RegExp(control));
  const dev = await workshop.wo('dev', '--dir', workshop.directory);
  const told = expectError(t, dev, 'WO_ADDRESS_IN_USE', 1, new RegExp(control));
  t.match(told?.hint, /end that process/, 'another port is no way out');
});

t.test('a store of a newer version', async (t) => {
  const workshop = await Workshop.closed(t);
  await workshop.coordinator.start();
  await workshop.coordinator.end('SIGTERM');
  const file = join(workshop.coordinator.directory, 'store', 'wombat.db');
  const store = new Sqlite(file);
  store.prepare('insert into migrations values (9999, 0)').run();
  store.close();
  await refusedBothWays(t, workshop, ['--directory', workshop.coordinator.directory, ...anyPorts], 'WO_STORE_NEWER', 1, /schema 9999/);
  expectError(t, await workshop.wo('dev', '--dir', workshop.directory), 'WO_STORE_NEWER', 1, /schema 9999/);
  const again = new Sqlite(file, { readonly: true });
  t.equal(again.prepare('select max(version) as version from migrations').pluck().get(), 9999, 'it is left as it was');
  again.close();
});

t.test('a store that is no store', async (t) => {
  const workshop = await Workshop.closed(t);
  await mkdir(join(workshop.coordinator.directory, 'store', 'wombat.db'), { recursive: true });
  await refusedBothWays(t, workshop, ['--directory', workshop.coordinator.directory, ...anyPorts], 'WO_STORE_UNUSABLE', 1, /wombat\.db/);
});

t.test('a directory that may not be written', { skip: nobodyCanRun ? false : 'nobody cannot run this checkout' }, async (t) => {
  const workshop = await Workshop.closed(t);
  const directory = join(workshop.directory, 'theirs');
  await mkdir(directory);
  await chmod(directory, 0o755);
  await chown(directory, 0, 0);
  await chmod(workshop.directory, 0o755);
  for (const [program, words] of [[launchers.coordinator, ['--directory', directory, ...anyPorts]], [launchers.wo, ['dev', '--dir', join(directory, 'dev')]]] as const) {
    const child = run('setpriv', [...asNobody, 'env', '-i', `PATH=${process.env['PATH']}`, `HOME=${directory}`, program, ...words], { timeout: 60_000 });
    const ended = await child.then(() => ({ code: 0, stderr: '' }), (error: { code: number; stderr: string }) => error);
    expectError(t, { words: [program, ...words], code: ended.code, stdout: '', stderr: ended.stderr, stdoutBytes: Buffer.alloc(0) }, 'WO_STORE_UNUSABLE', 1, /theirs/);
  }
  t.strictSame(await readdir(directory), [], 'nothing was made in it');
});

t.test('a setting that does not exist', async (t) => {
  const workshop = await Workshop.closed(t);
  await refusedBothWays(t, workshop, ['--directory', workshop.coordinator.directory, '--contorl-address', '127.0.0.1:0'], 'WO_CONFIG_INVALID', 2, /contorl/);
});
