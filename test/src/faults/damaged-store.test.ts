import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FamilyServiceService, HostPhase, ListFamiliesRequest } from '@wombat/proto/control';
import t from 'tap';
import { Sqlite } from '../../../coordinator/dist/store/sqlite/driver.js';
import { mountFailingDisk } from '../support/failing-disk.js';
import { nameOf } from '../support/fleet-view.js';
import { startAgentByHand } from '../support/hand-started-agent.js';
import { expectError } from '../support/told-error.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

const isFull = (process.env['WOMBAT_TEST_FULL'] ?? '') !== '';
const storeOf = ({ coordinator }: Workshop): string => join(coordinator.directory, 'store/wombat.db');
const familiesOf = async ({ coordinator }: Workshop): Promise<string[]> => (await coordinator.control.call(FamilyServiceService.listFamilies, ListFamiliesRequest.fromPartial({}))).families.map(nameOf);

t.test('the disk of the coordinator becomes read-only', async (t) => {
  const workshop = await Workshop.closed(t);
  const { coordinator } = workshop;
  mkdirSync(coordinator.directory, { mode: 0o700 });
  const disk = mountFailingDisk(join(workshop.directory, 'disk'), coordinator.directory);
  if (!disk) return t.comment('no disk of its own can be mounted here');
  try {
    const { agents } = await coordinator.start();
    const machine = await startAgentByHand(workshop, 'machine', agents, await workshop.ok('token', 'create', 'by-hand'));
    const untilUp = (): Promise<true> => until('the host is up', async () => (await workshop.fleet.hosts()).some(({ phase }) => phase === HostPhase.UP) || notYet(await machine.log()));
    await untilUp();
    await workshop.ok('create-family', 'Before');
    disk.fail();
    expectError(t, await workshop.wo('create-family', 'Never'), 'WO_STORE_READ_ONLY', 1, /cannot be written to/);
    t.strictSame(await familiesOf(workshop), ['Before'], 'what was acknowledged can be read, and nothing else');
    await untilUp();
    t.equal(readFileSync(coordinator.log, 'utf8').split('session opened').length - 1, 1, 'the session of the host has stayed');

    await coordinator.kill();
    disk.mount('rw');
    rmSync(join(coordinator.directory, 'addresses.json'));
    disk.mount('ro');
    await t.rejects(coordinator.start(), /error WO_STORE_\w+: .*read-only file system/s, 'on a disk that is read-only it does not start, and says why');
    disk.mount('rw');
    await coordinator.start();
    t.strictSame(await familiesOf(workshop), ['Before'], 'when the disk is right again, all is there that was acknowledged');
    await workshop.ok('create-family', 'Afterwards');
  } finally {
    await coordinator.kill();
    disk.remove();
  }
});

// Longer than every run may take; that a store without its log is refused is looked at beside it, too.
if (isFull) {
  t.test('the log of writes is taken away from a coordinator that was killed', async (t) => {
    const workshop = await Workshop.open(t);
    const { coordinator } = workshop;
    const store = storeOf(workshop);
    await workshop.ok('create-family', 'Before');
    await coordinator.kill();
    renameSync(`${store}-wal`, `${store}-aside`);
    await t.rejects(coordinator.start(), /error WO_STORE_UNUSABLE: .*was not closed, and its log of writes .*wombat\.db-wal is missing/s, 'it does not start with half of what it had, and says why');
    renameSync(`${store}-aside`, `${store}-wal`);
    await coordinator.start();
    t.strictSame(await familiesOf(workshop), ['Before'], 'with the log all is there');
  });

  t.test('and once more, after the store was closed in order', async (t) => {
    const workshop = await Workshop.open(t);
    const { coordinator } = workshop;
    await workshop.ok('create-family', 'Before');
    t.equal(await coordinator.end('SIGTERM'), 0, 'told to end, it ends');
    await coordinator.start();
    t.strictSame(await familiesOf(workshop), ['Before'], 'a store that was closed has no log, and needs none');
    await workshop.ok('create-family', 'In the log');
    await coordinator.kill();
    for (const name of ['wal', 'open']) rmSync(`${storeOf(workshop)}-${name}`);
    await coordinator.start();
    t.strictSame(await familiesOf(workshop), ['Before'], 'whoever insists gets what was there when the store was closed');
    t.match(await workshop.ok('doctor'), /PASS +coordinator store +the store is whole/, 'and that is whole');
  });

  t.test('another process holds the store locked for 10 s', async (t) => {
    const workshop = await Workshop.open(t);
    await workshop.ok('create-family', 'Before');
    const other = new Sqlite(storeOf(workshop));
    t.teardown(() => other.close());
    other.exec('begin immediate');
    const unlocked = new Promise<void>((resolve) => setTimeout(() => {
      other.exec('rollback');
      resolve();
    }, 10_000));
    const asked = performance.now();
    const refused = workshop.wo('create-family', 'Never');
    let slowestMs = 0;
    while (performance.now() - asked < 4_000) {
      const from = performance.now();
      t.strictSame(await familiesOf(workshop), ['Before'], 'what is there is answered');
      slowestMs = Math.max(slowestMs, performance.now() - from);
      await sleep(100);
    }
    t.ok(slowestMs < 2_000, `soon (${Math.round(slowestMs)} ms)`);
    expectError(t, await refused, 'WO_STORE_BUSY', 1, /another process holds the store locked/);
    const tookMs = performance.now() - asked;
    t.ok(tookMs >= 5_000 && tookMs < 10_000, `a change waits 5 s (${Math.round(tookMs)} ms)`);
    await unlocked;
    await workshop.ok('create-family', 'Afterwards');
    t.strictSame((await familiesOf(workshop)).sort(), ['Afterwards', 'Before'], 'and afterwards all goes on');
  });
}
