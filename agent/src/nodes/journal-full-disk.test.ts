import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@wombat/proto';
import t from 'tap';
import { mountSmallDisk, unmountSmallDisk } from '../testing/small-disk.js';
import { LineJournal } from './line-journal.js';

const base = mkdtempSync(join(tmpdir(), 'wombat-journal-'));
const disk = join(base, 'disk');
const missing = mountSmallDisk(disk, 1);
t.teardown(() => {
  if (missing === undefined) unmountSmallDisk(disk);
  rmSync(base, { recursive: true });
});

t.test('a journal on a disk that is really full', { skip: missing ?? false }, async (t) => {
  const file = join(disk, 'x.journal');
  const journal = (): LineJournal<number> => new LineJournal<number>({ file, clock: systemClock, version: 1, read: Number });
  const first = journal();
  await first.open();
  await first.append([1], { durable: true });
  const filler = join(disk, 'filler');
  for (const pieceBytes of [65_536, 4_096]) {
    try {
      for (;;) writeFileSync(filler, Buffer.alloc(pieceBytes), { flag: 'a' });
    } catch {
      // Full.
    }
  }
  const many = Array.from({ length: 4_000 }, (_, n) => n);
  await t.rejects(first.append(many, { durable: true }), { code: 'WO_DISK_FULL' }, 'what does not fit is refused');
  await t.rejects(first.rewrite(() => many), { code: 'WO_DISK_FULL' });
  await first.close();

  const second = journal();
  t.strictSame(await second.open(), { entries: [1], isNew: false, damage: undefined }, 'half a write is no damage');
  await second.close();

  const sound = readFileSync(file, 'latin1');
  writeFileSync(file, sound.replace(' 1\n', ' 2\n'), 'latin1');
  const third = journal();
  const { entries, damage } = await third.open();
  t.match([entries, damage], [[], { reason: /cannot be read/ }], 'damage on a full disk keeps no agent from starting');
  await t.rejects(third.append(many, { durable: true }), { code: 'WO_DISK_FULL' });
  rmSync(filler);
  await third.append([3], { durable: true });
  await third.compact(() => [3]);
  await third.close();
  const fourth = journal();
  t.strictSame(await fourth.open(), { entries: [3], isNew: false, damage: undefined }, 'and all is well when there is space again');
  await fourth.close();
  t.strictSame(readdirSync(disk).filter((name) => name.endsWith('.new')), []);
});
