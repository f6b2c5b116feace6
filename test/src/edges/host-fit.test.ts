import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { withoutErlang } from '../support/checkout.js';
import { prepareFamily, prepareSleepers } from '../support/families.js';
import { idOf, nameOf, phaseOf, tellNode } from '../support/fleet-view.js';
import { expectExit } from '../support/expect.js';
import { changeInside, packOtpRelease } from '../support/releases.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

const nobody = 65_534;
const isLinuxOnX64 = process.platform === 'linux' && process.arch === 'x64';
const withoutRunAs = process.getuid?.() !== 0
  ? 'only root can run something as another user'
  : spawnSync('setpriv', ['--version']).status !== 0 ? 'setpriv is not installed' : false;

interface Unfit {
  readonly code: string;
  readonly says: RegExp;
  readonly hint: RegExp;
}

/** The deploy fails with the reason, no process is begun, and the host keeps nothing of the release. */
async function failsBeforeItStarts(t: Test, workshop: Workshop, family: string, { code, says, hint }: Unfit): Promise<void> {
  const result = expectExit(t, await workshop.wo('deploy-nodes', family, '--amount', '1'), 1, code);
  t.match(result.stderr, `error ${code}:`, 'the reason is told');
  t.match(result.stderr, says, 'with what does not fit');
  t.match(result.stderr, new RegExp(`\\n {2}try: .*${hint.source}`), 'and what to do');
  const node = (await workshop.fleet.nodes()).find(({ familyId }) => familyId === family);
  t.equal(node && phaseOf(node), 'failed', node ? tellNode(node) : 'there is no node');
  t.equal(node?.lastError?.code, code, 'the node keeps the reason');
  t.strictSame(workshop.processesOfNode(idOf(node)), [], 'nothing was started');
  const phases = (await workshop.fleet.events('node.phase')).map(({ reason }) => reason);
  t.notOk(phases.includes('starting'), 'nor was that tried', { phases });
}

function treesOf(workshop: Workshop): string[] {
  return workshop.hostDirectories().flatMap((host) => ['trees', 'staging', 'partial'].flatMap((folder) => namesIn(join(host, 'releases', folder))));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

const skipMachine = withoutErlang() || (isLinuxOnX64 ? false : 'the release is made for another machine than linux/x64');

async function manifestIn(workshop: Workshop, ...lines: readonly string[]): Promise<string[]> {
  const path = join(workshop.directory, 'manifest.yaml');
  await writeFile(path, ['apiVersion: wombat/v1', ...lines, ''].join('\n'));
  return ['--manifest', path];
}

t.test('what does not fit its host is not started', async (t) => {
  const workshop = await Workshop.open(t);

  await t.test('the runtime of a real release is for another architecture', { skip: skipMachine }, async (t) => {
    const tarball = await packOtpRelease(join(workshop.directory, 'arm.tar.gz'));
    await changeInside(tarball, /erts-[\d.]+\/bin\/beam\.smp$/, (elf) => elf.writeUInt16LE(0xb7, 18));
    const release = await workshop.ok('upload-release', 'arm', tarball);
    t.match(JSON.parse(await workshop.ok('release', 'show', release, '-o', 'json')), { release: { artifacts: [{ platform: { os: 'linux', arch: 'arm64' } }] } }, 'what it was built for is read from its runtime');
    const family = await prepareFamily(workshop, release, { name: 'Arm' });
    await failsBeforeItStarts(t, workshop, family, { code: 'WO_PLATFORM_MISMATCH', says: /is linux\/x64.* has artifacts for linux\/arm64/, hint: /--artifact OS\/ARCH=FILE/ });
    t.strictSame(treesOf(workshop), [], 'the release was not even fetched');
    t.strictSame(workshop.nodeDirectories(), [], 'and the host has no directory for the node');
  });

  await t.test('a library of the runtime is missing', { skip: skipMachine }, async (t) => {
    const tarball = await packOtpRelease(join(workshop.directory, 'library.tar.gz'));
    await changeInside(tarball, /erts-[\d.]+\/bin\/beam\.smp$/, (elf) => {
      // Of the names of needed libraries, all of one length: 9 is a version that no host has.
      const at = elf.indexOf('libtinfo.so.6\0');
      if (at < 0) throw new Error('this runtime is not linked to libtinfo');
      elf.write('9', at + 'libtinfo.so.'.length);
    });
    const family = await prepareFamily(workshop, await workshop.ok('upload-release', 'library', tarball), { name: 'Library' });
    await failsBeforeItStarts(t, workshop, family, { code: 'WO_LIBRARY_MISSING', says: /beam\.smp needs libtinfo\.so\.9, which this host does not have/, hint: /apt-get install libtinfo9/ });
  });

  await t.test('more memory is needed than a host has', async (t) => {
    const { family } = await prepareSleepers(workshop, { name: 'Memory', upload: await manifestIn(workshop, 'needs: {memory: 100TiB}') });
    await failsBeforeItStarts(t, workshop, family, { code: 'WO_MEMORY_SHORT', says: /asks for 109951162777600 bytes of memory, \d+ are available/, hint: /larger hardware profile/ });
  });
});

t.test('user and limits of the manifest reach the process, and its cookie is for that user alone', { skip: withoutErlang() || withoutRunAs }, async (t) => {
  const workshop = await Workshop.open(t);
  const upload = await manifestIn(workshop, 'runAs: nobody', 'limits: {openFiles: 4321, processes: 5432, nice: 5}', 'needs: {memory: 1MiB, disk: 1MiB}');
  const release = await workshop.ok('upload-release', 'otp', await packOtpRelease(join(workshop.directory, 'otp.tar.gz')), ...upload);
  const family = await prepareFamily(workshop, release, { name: 'Otp' });
  const refused = expectExit(t, await workshop.wo('deploy-nodes', family, '--amount', '1'), 1, 'the folders above the host are closed');
  t.match(refused.stderr, /error WO_RUN_AS_REFUSED: .*nobody may not enter/, 'which is told');
  t.match(refused.stderr, /\n {2}try: .*chmod o\+x/, 'with the way out');
  for (let folder = dirname(workshop.hostDirectories()[0]!); folder.startsWith(workshop.directory); folder = dirname(folder)) chmodSync(folder, statSync(folder).mode | 0o001);
  const [failed] = await workshop.fleet.nodes();
  await workshop.ok('node', 'start', nameOf(failed!));
  const [node] = await workshop.untilRunning(1);

  const beams = workshop.beams();
  t.equal(beams.length, 1, 'one virtual machine runs');
  const of = (name: string): string => readFileSync(`/proc/${beams[0]!.pid}/${name}`, 'utf8');
  t.match(of('status'), new RegExp(`^Uid:(\\s${nobody}){4}$`, 'm'), 'it runs as nobody');
  t.match(of('status'), /^NoNewPrivs:\s1$/m, 'and can become nobody else');
  t.match(of('limits'), /^Max open files +4321 +4321 /m, 'its open files are limited');
  t.match(of('limits'), /^Max processes +5432 +5432 /m, 'its processes are limited');
  t.equal(of('stat').split(') ')[1]?.split(' ')[16], '5', 'it is as nice as asked');
  const directory = workshop.nodeDirectories().find((path) => path.endsWith(idOf(node)))!;
  const home = join(directory, 'home');
  t.ok(of('environ').split('\0').includes(`HOME=${home}`), 'its home is its own');
  t.match(ownership(home), { uid: nobody, openTo: 0 }, 'belongs to it, and is closed to others');
  const cookie = join(home, '.erlang.cookie');
  t.match(ownership(cookie), { uid: nobody, openTo: 0 }, 'and so is its cookie');
  t.not(spawnSync('setpriv', ['--reuid=1', '--regid=1', '--clear-groups', 'cat', cookie]).status, 0, 'which another user cannot read');
  t.match(await workshop.ok('exec', family, '--', 'id', '-un'), /nobody/, 'what is run for it runs as nobody');
});

function ownership(path: string): { uid: number; openTo: number } {
  const { uid, mode } = statSync(path);
  return { uid, openTo: mode & 0o077 };
}
