import path from 'node:path';
import t from 'tap';
import { systemClock } from '@wombat/proto';
import { mountSmallDisk } from '@wombat/proto/testing';
import type { Store } from '../store.js';
import { checkSqliteStore } from './copy.js';
import { Sqlite } from './driver.js';
import { openSqliteStore } from './open.js';

const event = (message: string) => ({ type: 'x', subjectId: 's', subjectName: 's', reason: 'r', message });
const append = (store: Store, message: string): Promise<void> => store.transaction((transaction) => transaction.events.append(event(message)));

/** The longest time for which the event loop did not turn during the work. */
async function longestStall(work: Promise<unknown>): Promise<number> {
  let longestMs = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - last);
    last = performance.now();
  }, 10);
  await work.catch(() => undefined);
  clearInterval(timer);
  return longestMs;
}

void t.test('a store that another process holds locked is waited for, and everything else goes on', async (test) => {
  const file = path.join(test.testdir(), 'wombat.db');
  const store = await openSqliteStore({ file, clock: systemClock, busyTimeoutMs: 1_000 });
  test.teardown(() => store.close());
  await append(store, 'before');
  const other = new Sqlite(file);
  test.teardown(() => other.close());

  other.exec('begin exclusive');
  const waiting = append(store, 'waited');
  const behind = append(store, 'behind it');
  setTimeout(() => other.exec('rollback'), 400);
  const stallMs = await longestStall(Promise.all([waiting, behind]));
  await test.resolves(Promise.all([waiting, behind]), 'a lock that is let go in time is waited for');
  test.ok(stallMs <= 300, `the event loop turns meanwhile (longest stall ${Math.round(stallMs)} ms)`);

  other.exec('begin exclusive');
  const asked = performance.now();
  const refused = Promise.all([append(store, 'never'), append(store, 'never either')].map((each) => test.rejects(each, { code: 'WO_STORE_BUSY' }, 'a lock that stays is told')));
  test.equal((await store.read.events.list({ afterSequence: 0, limit: 10 })).length, 3, 'readers do not wait');
  await refused;
  const tookMs = performance.now() - asked;
  test.ok(tookMs >= 1_000 && tookMs < 4_000, `after the time for it, for those in line too (${Math.round(tookMs)} ms)`);
  other.exec('rollback');
  await append(store, 'after');
  test.same((await store.read.events.list({ afterSequence: 0, limit: 10 })).map(({ sequence, message }) => `${sequence} ${message}`), ['1 before', '2 waited', '3 behind it', '4 after'], 'nothing of what was refused is there, and no number is missing');
});

const disk = mountSmallDisk(4);
t.teardown(() => disk?.remove());

void t.test('a full disk refuses what would change something, and nothing else', { skip: disk ? false : 'no tmpfs can be mounted here' }, async (test) => {
  const file = path.join(disk!.path, 'wombat.db');
  const store = await openSqliteStore({ file, clock: systemClock });
  await append(store, 'before');
  disk!.fill();
  // What SQLite has room for in its files already is still taken.
  let taken = 1;
  const untilRefused = async (): Promise<void> => {
    for (; taken < 1_000; taken += 1) await append(store, `${'more '.repeat(2_000)}`);
  };
  await test.rejects(untilRefused(), { code: 'WO_STORE_FULL', message: 'the disk of the store is full' }, 'a change is refused');
  await test.rejects(append(store, 'more '.repeat(2_000)), { code: 'WO_STORE_FULL' }, 'and refused again');
  test.equal(await store.read.events.lastSequence(), taken, 'what was acknowledged is there, and can be read');
  disk!.free();
  await append(store, 'after');
  test.equal(await store.read.events.lastSequence(), taken + 1, 'it goes on at once, in the same process, and no number is missing');
  await store.close();
  test.equal(checkSqliteStore(file), undefined, 'the database is whole');
});
