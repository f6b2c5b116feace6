import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
// By path: these rooms are no part of what the packages offer to others.
import { FileReleaseStore } from '../../../agent/dist/releases/file-release-store.js';
import { inProcessUnpacker } from '../../../agent/dist/releases/unpacker.js';
import { renderNode, type RenderedNode } from '../../../coordinator/dist/domain/release/render-node.js';
import { examineRelease, type ExaminedRelease } from '../../../coordinator/dist/releases/examine-release.js';

const run = promisify(execFile);
const script = fileURLToPath(new URL('../../fixtures/build-otp-release', import.meta.url));
const erlCall = 'erl_call';

t.setTimeout(120_000);
const signal = new AbortController().signal;

interface Booted {
  readonly name: string;
  readonly home: string;
  readonly root: string;
  readonly process: ChildProcess;
  output: string;
}

const missing = await firstMissing(['rebar3', 'erl', 'epmd', erlCall]);

await t.test('a rebar3 release from its tarball to two connected nodes', { skip: missing === undefined ? false : `${missing} is not installed` }, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'wombat-otp-'));
  const booted: Booted[] = [];
  const network = `127.${randomInt(16, 250)}.${randomInt(1, 250)}`;
  const epmdPort = await freePort('127.0.0.1');
  const epmd = spawn('epmd', ['-port', String(epmdPort)], { stdio: 'ignore' });
  t.teardown(async () => {
    for (const node of booted) killGroup(node.process);
    epmd.kill('SIGKILL');
    await Promise.all([...booted.map((node) => node.process), epmd].map(ended));
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });

  const tarball = join(directory, 'sample.tar.gz');
  await run(script, [tarball, join(tmpdir(), 'wombat-otp-cache')]);
  const bytes = await readFile(tarball);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const source = { open: () => createReadStream(tarball), sizeBytes: bytes.length };
  const examined = await examineRelease(source, { input: { start: 'bin/wombat_sample start', stop: 'bin/wombat_sample stop', nodeName: 'sample', templates: ['releases/0.1.0/sys.config'] } }, signal);
  checkExamined(t, examined);

  const store = new FileReleaseStore({ directory: join(directory, 'releases'), unpacker: inProcessUnpacker, source: { fetch: () => createReadStream(tarball) } });
  const artifact = { sha256, sizeBytes: BigInt(bytes.length), sharedPaths: [] };
  await store.ensureTree(artifact, signal);
  await mkdir(join(directory, 'roots'));

  for (const ordinal of [1, 2]) {
    const address = `${network}.${ordinal}`;
    const rendered = renderNode(renderInput(examined, ordinal, address, epmdPort, await freePort(address)));
    const root = join(directory, 'roots', `node-${ordinal}`);
    const files = rendered.files.map((file) => ({ path: file.path, content: Buffer.from(file.text), mode: file.mode }));
    await store.makeRoot({ artifact, rootDirectory: root, files }, signal);
    const home = join(directory, `home-${ordinal}`);
    await mkdir(home);
    await writeFile(join(home, '.erlang.cookie'), 'ACOOKIETHATNOBODYSEES', { mode: 0o400 });
    booted.push(boot(rendered, root, home, `sample-${ordinal}@${address}`, epmdPort));
  }

  for (const node of booted) await until(`${node.name} answers`, booted, async () => (await call(node, epmdPort, 'erlang node')) === `'${node.name}'`);
  const [first, second] = booted as [Booted, Booted];
  t.equal(await call(first, epmdPort, `net_kernel connect_node ['${second.name}']`), 'true', 'one connects to the other');
  const both = `['${first.name}','${second.name}']`;
  for (const node of booted) {
    await until(`${node.name} sees both`, booted, async () => (await call(node, epmdPort, 'wombat_sample nodes')).replaceAll(/\s/g, '') === both);
  }
  t.equal(await call(second, epmdPort, 'wombat_sample environment [ordinal]'), `'2'`, 'sys.config was rendered for each node');
  t.equal(await call(first, epmdPort, 'wombat_sample count'), '1');

  const argvs = await commandLines();
  t.notMatch(argvs, /ACOOKIETHATNOBODYSEES/, 'the cookie is in no command line');
  t.notMatch(argvs.split('\n').filter((line) => line.includes(directory)).join('\n'), /setcookie/, 'nor is there a flag for it');
  t.match(argvs, `-name\0${second.name}`, 'the name that was rendered is the one that is used');

  await call(first, epmdPort, 'init stop');
  await until('the node has ended', [second], async () => first.process.exitCode !== null);
  t.equal(first.process.exitCode, 0, 'init:stop ends the process in the foreground');
  await checkShared(t, join(directory, 'releases', 'trees', sha256), second.root);
});

function checkExamined(t: Test, examined: ExaminedRelease): void {
  const { manifest, notes, inspection } = examined;
  t.match(inspection, { layout: 'relx', releaseName: 'wombat_sample', releaseVersion: '0.1.0', topFolder: '' });
  t.match(inspection.ertsVersion, /^\d+\./, 'it brings its runtime');
  t.match(inspection.otpRelease, /^\d\d$/);
  t.match(manifest, { start: 'bin/wombat_sample foreground', stop: '', mode: 'foreground', nodeName: 'sample', ready: { kind: 'erlang' } });
  t.strictSame(manifest.templates, ['releases/0.1.0/vm.args', 'releases/0.1.0/sys.config']);
  t.equal(notes.length, 2, 'what became of start and stop is told');
}

function renderInput(examined: ExaminedRelease, ordinal: number, address: string, epmdPort: number, distributionPort: number): Parameters<typeof renderNode>[0] {
  return {
    release: { name: 'sample', version: '0.1.0', layout: examined.inspection.layout, manifest: examined.manifest, templateTexts: examined.templateTexts },
    node: { id: `node-${ordinal}`, name: `sample-${ordinal}`, ordinal, address, erlangName: `sample-${ordinal}@${address}`, ports: [], distributionPort },
    epmdPort,
    family: { id: 'fam-1', name: 'Sample', environment: {}, secretNames: [] },
    host: { id: 'host-1', name: 'host', region: '', zone: '' },
    contacts: [],
    strategy: {},
  };
}

function boot(rendered: RenderedNode, root: string, home: string, name: string, epmdPort: number): Booted {
  const [program, ...argv] = rendered.start as [string, ...string[]];
  const env = { ...rendered.environment, PATH: process.env['PATH'] ?? '', HOME: home, ERL_EPMD_PORT: String(epmdPort) };
  const child = spawn(join(root, program), argv, { cwd: root, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const node: Booted = { name, home, root, process: child, output: '' };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (node.output += chunk.toString()));
  return node;
}

async function call(node: Booted, epmdPort: number, apply: string): Promise<string> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: node.home, ERL_EPMD_PORT: String(epmdPort) };
  const { stdout } = await run(erlCall, ['-timeout', '5', '-name', node.name, '-a', apply], { env, timeout: 10_000 });
  return stdout.trim();
}

async function until(what: string, nodes: readonly Booted[], check: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  for (;;) {
    if (await check().catch(() => false)) return;
    const dead = nodes.find((node) => node.process.exitCode !== null);
    if (dead || Date.now() > end) throw new Error(`not so: ${what}; ${nodes.map((node) => `${node.name} wrote:\n${node.output}`).join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function checkShared(t: Test, tree: string, root: string): Promise<void> {
  const [runtime] = (await readdir(tree)).filter((name) => name.startsWith('erts-'));
  const beam = `${runtime}/bin/beam.smp`;
  t.equal((await stat(join(tree, beam))).ino, (await stat(join(root, beam))).ino, 'the runtime is linked');
  const args = 'releases/0.1.0/vm.args';
  t.notMatch(await readFile(join(root, args), 'utf8'), /setcookie|wombat_sample@/);
  t.match(await readFile(join(tree, args), 'utf8'), /-setcookie wombat_sample/, 'what is rendered for a node does not touch the tree');
}

async function commandLines(): Promise<string> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.join('\n');
}

async function firstMissing(programs: readonly string[]): Promise<string | undefined> {
  for (const program of programs) {
    const found = await run('sh', ['-c', 'command -v "$1"', 'sh', program]).catch(() => undefined);
    if (!found) return program;
  }
  return undefined;
}

function freePort(address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, address, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

