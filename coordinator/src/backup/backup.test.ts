import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Sqlite } from '../store/sqlite/driver.js';
import { create } from 'tar';
import t, { type Test } from 'tap';
import { systemClock } from '@wombat/proto';
import { CertificateAuthority } from '../auth/certificate-authority.js';
import { ensureClusterId } from '../auth/cluster-id.js';
import { lastRestore } from '../auth/restored.js';
import { SecretBox } from '../auth/secret-box.js';
import type { Store } from '../store/store.js';
import { openSqliteStore } from '../store/sqlite/open.js';
import { sqlitePlace } from '../store/sqlite/place.js';
import { familyRow, nodeRow } from '../testing/rows.js';
import { put, row } from '../testing/test-store.js';
import { Backups } from './create-backup.js';
import { restoreBackup } from './restore-backup.js';

const blob = 'a'.repeat(64);
const never = new AbortController().signal;

interface Made {
  readonly directory: string;
  readonly archive: string;
  readonly store: Store;
  readonly backups: Backups;
  save(): Promise<void>;
}

/** The directory of a coordinator with one node and one release, and a backup of it. */
async function coordinator(t: Test): Promise<Made> {
  const root = t.testdir({ directory: { blobs: { [blob]: 'tarball', staging: { half: 'written' } }, providers: { p: 'x' }, 'operator.token': 'wop1.x\n', 'addresses.json': '{}' }, elsewhere: { 'my.toml': '# mine\n' } });
  const directory = join(root, 'directory');
  const store = await openSqliteStore({ file: join(directory, 'store', 'wombat.db'), clock: systemClock });
  t.teardown(() => store.close());
  const clusterId = await ensureClusterId(store);
  await CertificateAuthority.load({ directory, clusterId, clock: systemClock });
  await SecretBox.load(directory, store);
  const family = familyRow({}, {}, 1);
  await put(store, 'families', family);
  await put(store, 'nodes', nodeRow(family.id, 1, { generation: 3 }));
  await store.transaction((transaction) => transaction.nextNumber('ports', 5));
  const backups = new Backups({ directory, place: sqlitePlace(join(directory, 'store', 'wombat.db'), systemClock), clusterId, clock: systemClock, configurationFile: join(root, 'elsewhere', 'my.toml') });
  const archive = join(root, 'backup.tar');
  const save = async (): Promise<void> => {
    writeFileSync(archive, '');
    const { read, discard } = await backups.create(never);
    for await (const data of read(never)) await appendFile(archive, data);
    await discard();
  };
  await save();
  return { directory, archive, store, backups, save };
}

t.test('what comes back is what was there, and ahead of its agents', async (t) => {
  const { directory, archive } = await coordinator(t);
  t.notOk(readdirSync(directory).some((entry) => entry.startsWith('backup.')), 'nothing is left of the making');
  const restored = join(directory, '..', 'restored');
  const { files } = await restoreBackup(archive, restored, systemClock);
  t.same(files.map(({ path }) => path).sort(), [`blobs/${blob}`, 'ca/ca.crt', 'ca/ca.key', 'operator.token', 'secrets.key', 'store/wombat.db', 'wombat.toml'].sort(), 'no machines, no addresses, nothing half written');
  for (const { path, mode } of files) {
    t.equal(statSync(join(restored, path)).mode & 0o777, mode, `${path} has its mode`);
    if (path !== 'store/wombat.db' && path !== 'wombat.toml') t.same(readFileSync(join(restored, path)), readFileSync(join(directory, path)), `${path} has its bytes`);
  }
  t.equal(readFileSync(join(restored, 'wombat.toml'), 'utf8'), '# mine\n', 'the configuration that was named');

  const store = await openSqliteStore({ file: join(restored, 'store', 'wombat.db'), clock: systemClock });
  t.teardown(() => store.close());
  t.equal((await row(store, 'nodes', nodeRow('', 1).id)).generation, 1_000_003, 'wishes are newer than any that agents have');
  t.equal(await store.transaction((transaction) => transaction.nextNumber('ports')), 1_006, 'numbers are not given twice');
  t.match(await lastRestore(store.read), { backupAt: Number, restoredAt: Number });
  t.equal((await store.read.events.list({ afterSequence: 0, limit: 10 })).at(-1)?.type, 'coordinator.restored');
  await t.rejects(restoreBackup(archive, restored, systemClock), { code: 'WO_IN_USE', message: /not empty/ }, 'not over it');
});

t.test('a reader that goes away in the middle leaves no file open', async (t) => {
  const { directory, backups } = await coordinator(t);
  writeFileSync(join(directory, 'blobs', 'b'.repeat(64)), Buffer.alloc(8 * 1024 * 1024));
  for (let chunks = 1; chunks <= 40; chunks += 3) {
    const { read, discard } = await backups.create(never);
    let left = chunks;
    for await (const data of read(never)) {
      t.ok(data.length <= 256 * 1024, 'pieces are small');
      if ((left -= 1) === 0) break;
    }
    await discard();
  }
  const open = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  t.same(open.filter((file) => file.includes('/backup.')), []);
});

t.test('one backup at a time: another is refused until it has ended, well or not', async (t) => {
  const { directory, backups } = await coordinator(t);
  const refused = { code: 'WO_CONFLICT', message: /under way since 20/, hint: 'wait until it has ended, then ask again' };
  const aborted = AbortSignal.abort(new Error('the caller has gone'));
  const ends = await Promise.allSettled([backups.create(never), backups.create(never), backups.create(never)]);
  t.match(ends, [{ status: 'fulfilled' }, { status: 'rejected', reason: refused }, { status: 'rejected', reason: refused }], 'three at once');
  t.equal(readdirSync(directory).filter((entry) => entry.startsWith('backup.')).length, 1, 'and one copy of the store');
  await (ends[0] as PromiseFulfilledResult<Awaited<ReturnType<Backups['create']>>>).value.discard();
  await t.rejects(backups.create(aborted), { message: 'the caller has gone' });
  await (await backups.create(never)).discard();
});

t.test('a store of a newer version is refused, and nothing is left', async (t) => {
  const { directory, archive, save } = await coordinator(t);
  const connection = new Sqlite(join(directory, 'store', 'wombat.db'));
  connection.prepare('insert into migrations (version, applied_at) values (9999, 0)').run();
  connection.close();
  await save();
  const restored = join(directory, '..', 'restored');
  mkdirSync(join(restored, 'providers'), { recursive: true });
  await t.rejects(restoreBackup(archive, restored, systemClock), { code: 'WO_STORE_NEWER' });
  t.same(readdirSync(restored), ['providers'], 'what may be there stays, nothing else comes');
});

t.test('an archive with anything that no backup has is refused', async (t) => {
  const entries: Readonly<Record<string, (directory: string) => void>> = {
    'a link': (directory) => symlinkSync('/etc/passwd', join(directory, 'operator.token')),
    'a folder of another name': (directory) => (mkdirSync(join(directory, 'bin')), writeFileSync(join(directory, 'bin/sh'), '')),
    'no manifest': (directory) => writeFileSync(join(directory, 'secrets.key'), ''),
    'a manifest of another format': (directory) => writeFileSync(join(directory, 'manifest.json'), '{"format":2}'),
    'a manifest that names a path outside': (directory) => writeFileSync(join(directory, 'manifest.json'), JSON.stringify({ format: 1, version: '1', clusterId: 'abcdefghijkl', createdAt: 1, files: [{ path: '../x', sha256: blob, sizeBytes: 1, mode: 384 }] })),
  };
  for (const [what, write] of Object.entries(entries)) {
    const root = t.testdir({ made: {}, restored: {} });
    write(join(root, 'made'));
    const archive = join(root, 'archive.tar');
    await create({ cwd: join(root, 'made'), file: archive }, readdirSync(join(root, 'made')));
    await t.rejects(restoreBackup(archive, join(root, 'restored'), systemClock), { code: 'WO_BACKUP_INVALID' }, what);
    t.same(readdirSync(join(root, 'restored')), [], `${what}: nothing is left`);
  }
});

t.test('what a killed coordinator gathered for a backup goes at the next start', async (t) => {
  const { directory, backups } = await coordinator(t);
  await backups.create(never);
  t.ok(readdirSync(directory).some((entry) => entry.startsWith('backup.')));
  await backups.removeLeftovers();
  t.notOk(readdirSync(directory).some((entry) => entry.startsWith('backup.')));
});
