import { chmodSync, copyFileSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { NodePhase, type Node } from '@wombat/proto/control';
import { withoutErlang } from '../support/checkout.js';
import { prepareMesh } from '../support/families.js';
import { idOf, tellNode } from '../support/fleet-view.js';
import { notYet, until } from '../support/until.js';
import { tellResult } from '../support/wo.js';
import { Workshop } from '../support/workshop.js';

t.setTimeout(300_000);

/** The machine that ran the coordinator is gone; those that are hosts are not. */
function loseDirectory({ coordinator: { directory } }: Workshop): void {
  for (const entry of readdirSync(directory)) if (entry !== 'providers') rmSync(join(directory, entry), { recursive: true });
}

const processOf = (node: Node): string => `${idOf(node)} is process ${node.pid}`;

t.test('a lost coordinator comes back from a backup, and no node notices', { skip: withoutErlang() }, async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareMesh(workshop, { nodesPerHost: 4 });
  await workshop.ok('deploy-nodes', family, '--amount', '2');
  const archive = await workshop.ok('backup', workshop.directory);
  t.equal(statSync(archive).mode & 0o777, 0o600, 'the archive is its owner\'s alone');

  // What the backup knows nothing of: a restart, and a third node.
  const [first, second] = await workshop.untilRunning(2);
  const backedUp = [idOf(first), idOf(second)];
  await workshop.ok('node', 'restart', idOf(first));
  await workshop.ok('deploy-nodes', family, '--amount', '1');
  const before = await workshop.untilRunning(3);
  const kept = before.filter((node) => backedUp.includes(idOf(node)));
  const beams = workshop.beams().map(({ pid }) => pid).sort();

  await workshop.coordinator.kill();
  loseDirectory(workshop);
  t.equal((await workshop.wo('restore', archive, '--directory', workshop.coordinator.directory)).code, 0, 'it is restored');
  t.equal((await workshop.wo('restore', archive, '--directory', workshop.coordinator.directory)).code, 2, 'and not a second time over it');
  await workshop.coordinator.start();

  const after = await until('the agents are back and have taken what is wanted', async () => {
    const nodes = await workshop.fleet.nodes();
    const events = await workshop.fleet.events('host.unknown-node');
    const alive = new Set(workshop.processes().map(({ pid }) => pid));
    // Before its agent has reported, a node has the process that it had at the time of the backup.
    const isThere = nodes.length === 2 && nodes.every(({ phase, pid }) => phase === NodePhase.RUNNING && alive.has(Number(pid))) && events.length > 0;
    return isThere ? nodes : notYet(nodes.map(tellNode));
  });
  t.strictSame(after.map(processOf).sort(), kept.map(processOf).sort(), 'the same processes, also of the node that was restarted after the backup');
  t.strictSame(workshop.beams().map(({ pid }) => pid).sort(), beams, 'no process was started or ended, that of the unknown node neither');
  t.match(await workshop.ok('status', family), /2/, 'wo status knows two');

  const doctor = await workshop.wo('doctor');
  t.equal(doctor.code, 0, `nothing has failed: ${tellResult(doctor)}`);
  t.match(doctor.stdout, /WARN {2}\S+ unknown nodes/, 'the node that nobody knows of is told');

  // Its cookie is a secret: a node that joins has been given it.
  await workshop.ok('deploy-nodes', family, '--amount', '1');
  const grown = await workshop.untilRunning(3);
  t.strictSame(grown.map(processOf).filter((text) => kept.map(processOf).includes(text)).length, 2, 'and again nothing was restarted');
  const restarted = await workshop.wo('node', 'restart', idOf(first));
  t.equal(restarted.code, 0, `a restart is a restart again: ${tellResult(restarted)}`);
  t.not((await workshop.fleet.node(idOf(first))).pid, kept.find((node) => idOf(node) === idOf(first))?.pid, 'another process');
});

t.test('an archive that is damaged, cut short or no archive changes nothing', async (t) => {
  const workshop = await Workshop.open(t);
  const archive = await workshop.ok('backup', join(workshop.directory, 'whole.tar'));
  t.equal((await workshop.wo('backup', archive)).code, 8, 'a file that is there is not overwritten');
  const running = await workshop.wo('restore', archive, '--directory', workshop.coordinator.directory);
  t.match(running, { code: 2, stderr: /WO_IN_USE/ }, 'not while a coordinator works there');

  const whole = readFileSync(archive);
  const damaged = join(workshop.directory, 'damaged.tar');
  const places = { 'in the store': whole.indexOf('SQLite format 3') + 40, 'in the manifest': whole.indexOf('"clusterId"') + 14 };
  for (const [what, at] of Object.entries(places)) {
    copyFileSync(archive, damaged);
    chmodSync(damaged, 0o600);
    const file = openSync(damaged, 'r+');
    writeSync(file, Buffer.from([whole[at]! ^ 1]), 0, 1, at);
    closeSync(file);
    await refused(damaged, what);
  }
  for (const [what, length] of Object.entries({ 'cut in half': whole.length / 2, 'cut at the last files': whole.length - 20_000, 'empty': 0 })) {
    const file = openSync(damaged, 'w');
    writeSync(file, whole.subarray(0, Math.max(0, Math.floor(length))));
    closeSync(file);
    await refused(damaged, what);
  }

  async function refused(path: string, what: string): Promise<void> {
    const directory = join(workshop.directory, 'elsewhere');
    const result = await workshop.wo('restore', path, '--directory', directory);
    t.match(result, { code: 2, stderr: /error WO_BACKUP_INVALID/ }, `${what} is refused`);
    t.strictSame(readdirSync(directory), [], `${what}: nothing is left in the directory`);
  }
});
