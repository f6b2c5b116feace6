import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { HostPhase } from '@wombat/proto/control';
import t from 'tap';
import { prepareFamily, prepareSleepers } from '../support/families.js';
import { idOf, tellNode } from '../support/fleet-view.js';
import { fillDisk, stagedIn, theAgent } from '../support/host-files.js';
import { isAlive } from '../support/processes.js';
import { packScripts, sleeper } from '../support/releases.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

const diskBytes = 16 * 1024 * 1024;
const canMount = process.getuid?.() === 0;

t.setTimeout(180_000);

t.test('F7: a disk that is full on a host', { skip: canMount ? false : 'only root can mount a small disk' }, async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop, { nodesPerHost: 4 });
  const disk = join(workshop.coordinator.directory, 'providers', readdirSync(join(workshop.coordinator.directory, 'providers'))[0]!, 'hosts');
  mkdirSync(disk, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes},mode=700`, 'tmpfs', disk]);
  // Processes that still have files there are ended when the workshop closes.
  t.teardown(() => void execFileSync('umount', ['--lazy', disk]));
  const filler = join(disk, 'filler');

  await workshop.ok('deploy-nodes', family, '--amount', '1');
  const [old] = await workshop.untilRunning(1);
  const agent = await theAgent(workshop);
  const hostDirectory = workshop.hostDirectories().find((directory) => !directory.endsWith('filler'))!;
  const program = workshop.processesOfNode(idOf(old)).find(({ argv }) => argv[0] === 'sleep')!;
  const checkUntouched = async (when: string): Promise<void> => {
    t.ok(isAlive(program), `the old release runs on ${when}`);
    await checkAgent(when);
  };
  const checkAgent = async (when: string): Promise<void> => {
    t.ok(isAlive(agent), `the agent is the same ${when}`);
    t.strictSame((await workshop.fleet.hosts()).map(({ phase }) => phase), [HostPhase.UP], `the host is connected ${when}`);
  };

  const large = await packScripts(join(workshop.directory, 'large.tar.gz'), [sleeper], [{ path: 'data', contents: randomBytes(3 * 1024 * 1024) }]);
  const other = await prepareFamily(workshop, await workshop.ok('upload-release', 'Large', large, 'bin/start'), { name: 'Large', nodesPerHost: 4 });
  fillDisk(filler, 2 * 1024 * 1024);
  const deployed = await workshop.ok('deploy-nodes', other, '--amount', '1', '--detach');
  const waiting = await until('the new node waits for space', async () => {
    const nodes = await workshop.fleet.nodes();
    return nodes.find(({ lastError }) => lastError?.code === 'WO_DISK_FULL') ?? notYet(nodes.map(tellNode));
  });
  t.match(waiting.lastError?.message, /the release needs \d+ bytes, \d+ are free/, 'what it needs and what there is');
  t.ok(waiting.waiting?.nextTryAt, 'and when it is tried again');
  await checkUntouched('while a release does not fit');
  t.strictSame([stagedIn(hostDirectory), readdirSync(join(hostDirectory, 'releases', 'partial'))], [[], []], 'nothing half fetched takes space');

  fillDisk(filler, 0);
  await workshop.ok('node', 'stop', idOf(old), '--detach');
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  // A last word may still have fitted into the journal.
  await checkAgent('while nothing can be written');

  rmSync(filler);
  await workshop.ok('operation', 'watch', deployed);
  const stopped = await until('what was asked for meanwhile is done', () => !isAlive(program) || notYet('the old node runs'));
  t.ok(stopped);
  t.ok(isAlive(agent), 'by the same agent');
  t.strictSame(await workshop.fleet.events('host.journal-damaged'), [], 'a full disk is no damage');

  const tooLarge = await packScripts(join(workshop.directory, 'too-large.tar.gz'), [sleeper], [{ path: 'data', contents: randomBytes(8 * 1024 * 1024) }]);
  await workshop.ok('attach-release', other, await workshop.ok('upload-release', 'Too large', tooLarge, 'bin/start'));
  const refused = await workshop.wo('deploy-nodes', other, '--amount', '1');
  t.match(refused.stderr, /WO_DISK_TOO_SMALL/, 'what the whole disk has no room for is not waited for');
  t.not(refused.code, 0);
});
