import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failpointsVariable, hitFile, type FailpointName } from '@wombat/proto/failpoints';
import t from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { idOf, nameOf } from '../support/fleet-view.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

const isFull = Boolean(process.env['WOMBAT_TEST_FULL']);
const failpointsFile = (directory: string): string => join(directory, 'failpoints');
const digestOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

t.test('files go to nodes and hosts, whole or not at all', async (t) => {
  const workshop = await Workshop.open(t, { environment: (directory) => ({ [failpointsVariable]: `file:${failpointsFile(directory)}` }) });
  const { family } = await prepareSleepers(workshop);
  await workshop.ok('deploy-nodes', family, '--amount', '3');
  const nodes = await workshop.untilRunning(3);
  const here = (name: string): string => join(workshop.directory, name);
  const rootsOf = (): string[] => workshop.nodeDirectories().map((directory) => join(directory, 'root'));
  const halfFiles = (): string[] => rootsOf().flatMap((root) => readdirSync(root)).filter((name) => name.startsWith('.wombat-'));
  const crashAt = (name: FailpointName): void => writeFileSync(failpointsFile(workshop.directory), `${name}=crash`);
  const hasCrashed = (name: FailpointName): boolean => existsSync(hitFile(failpointsFile(workshop.directory), name));

  await t.test('any bytes under any name, with their permissions; an empty one', async (t) => {
    const name = 'odd "name" $(id) \u0007ü';
    writeFileSync(here(name), randomBytes(700_000));
    chmodSync(here(name), 0o750);
    const result = expectExit(t, await workshop.wo('push', here(name), `${family}:`), 0);
    t.match(result.stderr, /3 ok of 3 targets/);
    for (const root of rootsOf()) {
      t.equal(digestOf(join(root, name)), digestOf(here(name)), 'byte for byte');
      t.equal(statSync(join(root, name)).mode & 0o7777, 0o750);
    }
    writeFileSync(here('empty'), '');
    await workshop.ok('push', here('empty'), `${nameOf(nodes[0]!)}:data:sub`, '--mode', '600');
    const data = join(workshop.nodeDirectories().find((directory) => directory.endsWith(idOf(nodes[0]!)))!, 'data', 'sub');
    t.match([statSync(data).size, statSync(data).mode & 0o7777], [0, 0o600]);
  });

  await t.test('on the hosts, and what is refused', async (t) => {
    mkdirSync(here('target'));
    writeFileSync(here('text'), 'one\n');
    await workshop.ok('push', here('text'), `${family}:${here('target')}/`, '--on', 'hosts');
    t.equal(readFileSync(here('target/text'), 'utf8'), 'one\n');
    symlinkSync(here('target'), join(rootsOf()[0]!, 'out'));
    for (const path of ['out/text', 'none/text']) {
      const refused = expectExit(t, await workshop.wo('push', here('text'), `${family}:${path}`), 1, path);
      t.match(refused.stderr, /rejected/, path);
    }
    t.strictSame(readdirSync(here('target')), ['text'], 'nothing went another way');
    const held = expectExit(t, await workshop.wo('push', here('text'), 'nobody:x'), 5);
    t.match(held.stderr, /WO_NOT_FOUND/);
    const jobs = await workshop.ok('job', 'list');
    t.match(jobs, /put 4 B at none\/text/, 'the job is listed');
  });

  await t.test('files come back as they are, into a folder for each', async (t) => {
    for (const [index, root] of rootsOf().entries()) {
      mkdirSync(join(root, 'log/deep'), { recursive: true });
      writeFileSync(join(root, 'log/deep/odd "name"\n\u0007ü'), randomBytes(200_000 + index));
      writeFileSync(join(root, 'log/empty'), '');
      symlinkSync('/etc/passwd', join(root, 'log/link'));
    }
    const result = expectExit(t, await workshop.wo('pull', `${family}:log`, here('pulled')), 0);
    t.match(result.stderr, /3 ok of 3 targets.*; 6 files/);
    t.match(result.stderr, /1 entry left out/, 'the link');
    t.strictSame(readdirSync(here('pulled')).sort(), nodes.map(nameOf).sort());
    for (const node of nodes) {
      const root = rootsOf().find((path) => path.includes(idOf(node)))!;
      for (const path of ['deep/odd "name"\n\u0007ü', 'empty']) t.equal(digestOf(join(here('pulled'), nameOf(node), path)), digestOf(join(root, 'log', path)), `${nameOf(node)}: ${path}`);
      t.strictSame(readdirSync(join(here('pulled'), nameOf(node))).sort(), ['deep', 'empty']);
    }
    expectExit(t, await workshop.wo('pull', `${family}:${here('text')}`, here('hosts'), '--on', 'hosts'), 0);
    t.ok(readdirSync(here('hosts')).every((name) => readFileSync(join(here('hosts'), name, 'text'), 'utf8') === 'one\n'), 'of the hosts');
    const refused = expectExit(t, await workshop.wo('pull', `${family}:log/link`, here('pulled')), 1);
    t.match(refused.stderr, /rejected/);
  });

  await t.test('killed while files are fetched', async (t) => {
    for (const root of rootsOf()) writeFileSync(join(root, 'large'), randomBytes(1_000_000));
    const rootOf = (name: string): string => rootsOf().find((path) => path.includes(idOf(nodes.find((node) => nameOf(node) === name)!)))!;
    const came = (): string[] => nodes.map(nameOf).filter((name) => existsSync(join(here('again'), name, 'large')));
    const isWhole = (name: string): boolean => digestOf(join(here('again'), name, 'large')) === digestOf(join(rootOf(name), 'large'));
    const half = (): string[] => readdirSync(here('again')).flatMap((name) => readdirSync(join(here('again'), name))).filter((name) => name.startsWith('.wo-'));

    await t.test('a coordinator: wo asks its successor', async (t) => {
      writeFileSync(failpointsFile(workshop.directory), 'agent.pull.during=hang:1500');
      const pulling = workshop.spawnWo(['pull', `${family}:large`, here('again')]);
      await until('a part is read', () => hasCrashed('agent.pull.during') || notYet('not yet'), { everyMs: 10 });
      await workshop.restartCoordinator();
      expectExit(t, await pulling.ended, 0);
      t.ok(came().length === 3 && came().every(isWhole), 'all are whole');
      t.strictSame(half(), []);
    });

    await t.test('an agent: its targets are lost, the others come', { skip: !isFull && 'takes long: with WOMBAT_TEST_FULL' }, async (t) => {
      rmSync(here('again'), { recursive: true });
      rmSync(hitFile(failpointsFile(workshop.directory), 'agent.pull.during'));
      crashAt('agent.pull.during');
      const lost = expectExit(t, await workshop.wo('pull', `${family}:large`, here('again')), 3);
      t.match(lost.stderr, /lost during run/);
      t.ok(came().length > 0 && came().every(isWhole), `what is there is whole: ${came().join(', ')}`);
      t.strictSame(half(), []);
      await until('the agent is back', async () => (await workshop.wo('exec', family, '--', 'true')).code === 0 || notYet('away'), { everyMs: 500 });
    });
  });

  await t.test('an agent that is killed in between begins again', async (t) => {
    writeFileSync(here('large'), randomBytes(3_000_000));
    for (const failpoint of isFull ? (['agent.put.during', 'agent.put.before-rename'] as const) : (['agent.put.before-rename'] as const)) {
      for (const root of rootsOf()) writeFileSync(join(root, 'large'), 'old');
      crashAt(failpoint);
      expectExit(t, await workshop.wo('push', here('large'), `${family}:`), 0, failpoint);
      t.ok(hasCrashed(failpoint), `an agent was killed at ${failpoint}`);
      for (const root of rootsOf()) t.equal(digestOf(join(root, 'large')), digestOf(here('large')), `whole after ${failpoint}`);
      t.strictSame(halfFiles(), [], 'nothing is left beside it');
    }
  });

  await t.test('a coordinator that is killed in between goes on', { skip: !isFull && 'takes long: with WOMBAT_TEST_FULL' }, async (t) => {
    writeFileSync(here('large'), randomBytes(3_000_000));
    writeFileSync(failpointsFile(workshop.directory), 'agent.put.during=hang:1500');
    const pushing = workshop.spawnWo(['push', here('large'), `${family}:`]);
    await until('a part has come', () => halfFiles().length > 0 || notYet(halfFiles()), { everyMs: 10 });
    await workshop.restartCoordinator();
    expectExit(t, await pushing.ended, 0, 'wo waits for the coordinator');
    for (const root of rootsOf()) t.equal(digestOf(join(root, 'large')), digestOf(here('large')), 'whole');
    t.strictSame(halfFiles(), []);
  });

  await t.test('100 MiB, and no process holds them', { skip: !isFull && 'takes long: with WOMBAT_TEST_FULL' }, async (t) => {
    const memoryOf = (pid: number): number => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
    const pids = [workshop.coordinator.pid, ...workshop.agents().map(({ pid }) => pid)];
    const before = pids.map(memoryOf);
    writeFileSync(here('huge'), randomBytes(100 * 1024 * 1024));
    await workshop.ok('push', here('huge'), `${family}:`);
    for (const root of rootsOf()) t.equal(digestOf(join(root, 'huge')), digestOf(here('huge')));
    await workshop.ok('pull', `${family}:huge`, here('back'));
    for (const name of readdirSync(here('back'))) t.equal(digestOf(join(here('back'), name, 'huge')), digestOf(here('huge')), `${name}: back as it went`);
    pids.forEach((pid, index) => t.ok(memoryOf(pid) - before[index]! < 64, `process ${pid} grew from ${before[index]} to ${memoryOf(pid)} MiB`));
  });
});
