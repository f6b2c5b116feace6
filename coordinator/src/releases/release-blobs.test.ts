import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { ManualClock } from '../fleet/testing/manual-clock.js';
import type { Store } from '../store/store.js';
import { releaseRow } from '../testing/rows.js';
import { openTestStore } from '../testing/test-store.js';
import { FileBlobStore } from './file-blob-store.js';
import { ReleaseBlobs } from './release-blobs.js';

const bytes = Buffer.from('a tarball');
const sha256 = createHash('sha256').update(bytes).digest('hex');
const identity = { sha256, sizeBytes: bytes.length };
const signal = new AbortController().signal;
const hourMs = 60 * 60_000;

async function* source(): AsyncGenerator<Uint8Array> {
  yield bytes;
}

interface Setting {
  readonly clock: ManualClock;
  readonly store: Store;
  readonly blobs: FileBlobStore;
  readonly kept: ReleaseBlobs;
  readonly upload: () => Promise<{ existed: boolean }>;
  readonly isThere: () => Promise<boolean>;
  readonly release: (id: string) => Promise<unknown>;
  readonly remove: (id: string) => Promise<unknown>;
}

async function setting(test: Test, blobs?: FileBlobStore): Promise<Setting> {
  const clock = new ManualClock();
  const directory = test.testdir();
  const store = await openTestStore(test, clock, join(directory, 'wombat.db'));
  const used = blobs ?? new FileBlobStore(join(directory, 'blobs'));
  const kept = new ReleaseBlobs({ store, blobs: used, clock });
  const row = (id: string): ReturnType<typeof releaseRow> => releaseRow({ id, artifacts: [{ sha256, sizeBytes: bytes.length, platform: { os: '', arch: '', libc: '' } }] });
  return {
    clock, store, blobs: used, kept,
    upload: () => kept.upload(source(), identity, signal),
    isThere: async () => (await used.size(sha256)) !== undefined,
    release: (id) => store.transaction((transaction) => transaction.releases.insert(row(id))),
    remove: (id) => store.transaction((transaction) => transaction.releases.delete(id)),
  };
}

void t.test('bytes that no release was made of go when that is known', async (test) => {
  const { kept, upload, isThere, release } = await setting(test);
  await upload();
  const claim = await kept.claim([sha256]);
  test.equal(await isThere(), true, 'while it is looked at it is there');
  await claim.release();
  test.equal(await isThere(), false, 'nothing came of it');
  await upload();
  const second = await kept.claim([sha256]);
  await release('rel-aaaaaaaaaaaa');
  await second.release();
  test.equal(await isThere(), true, 'a release names it');
});

void t.test('removing a release leaves what somebody else has just uploaded', async (test) => {
  const { kept, upload, isThere, release, remove } = await setting(test);
  await upload();
  await release('rel-aaaaaaaaaaaa');
  await (await kept.claim([sha256])).release();
  test.match(await upload(), { existed: true }, 'somebody uploads the same');
  await remove('rel-aaaaaaaaaaaa');
  await kept.dropUnused([sha256]);
  test.equal(await isThere(), true, 'and is not told afterwards that it is not there');
  await (await kept.claim([sha256])).release();
  test.equal(await isThere(), false, 'nothing came of that upload');
});

void t.test('two uploads of the same: the failure of one does not hurt the other', async (test) => {
  const { kept, upload, isThere } = await setting(test);
  await Promise.all([upload(), upload()]);
  await (await kept.claim([sha256])).release();
  test.equal(await isThere(), true, 'the other is still to come');
  await (await kept.claim([sha256])).release();
  test.equal(await isThere(), false);
});

/** A store whose deletion can be held up in its middle. */
class SlowBlobs extends FileBlobStore {
  readonly #steps = new EventEmitter();
  readonly deleting = once(this.#steps, 'deleting');

  goOn(): void {
    this.#steps.emit('goOn');
  }

  override async delete(name: string): Promise<boolean> {
    const told = once(this.#steps, 'goOn');
    this.#steps.emit('deleting');
    await told;
    return super.delete(name);
  }
}

void t.test('an upload that comes in the middle of a deletion waits for its end, and stores the bytes again', async (test) => {
  const slow = new SlowBlobs(join(test.testdir({}), 'slow'));
  const { kept, upload, isThere } = await setting(test, slow);
  await slow.put(source(), identity, signal);
  const dropped = kept.dropUnused([sha256]);
  await slow.deleting;
  const uploaded = upload();
  await setImmediate();
  slow.goOn();
  test.match(await uploaded, { existed: false }, 'it is not told that the bytes are there, for they were going');
  await dropped;
  test.equal(await isThere(), true);
});

void t.test('however uploads, creations and removals meet, what a release names is there', async (test) => {
  const { kept, upload, isThere, release, remove, store } = await setting(test);
  const ids = Array.from({ length: 12 }, (_, index) => `rel-aaaaaaaaaaa${'abcdefghijkl'[index]}`);
  await Promise.all(ids.map(async (id, index) => {
    await upload();
    const claim = await kept.claim([sha256]);
    test.equal(await isThere(), true, `what was uploaded for ${id} is there when it is looked at`);
    if (index % 3 > 0) await release(id);
    await claim.release();
    if (index % 3 === 1) {
      await remove(id);
      await kept.dropUnused([sha256]);
    }
  }));
  test.equal(await store.read.releases.count({}), 4);
  test.equal(await isThere(), true, 'four releases name it');
  for (const id of ids) if (await store.read.releases.get(id)) await remove(id);
  await kept.dropUnused([sha256]);
  test.equal(await isThere(), false, 'none does');
});

void t.test('what an upload has left, in this run or an earlier one, goes before a later upload', async (test) => {
  const { clock, kept, upload, isThere, blobs, store } = await setting(test);
  const other = Buffer.from('another');
  const another = { sha256: createHash('sha256').update(other).digest('hex'), sizeBytes: other.length };
  const later = (by: ReleaseBlobs): Promise<unknown> => by.upload((async function* () { yield other; })(), another, signal);
  /** Files are as old as the disk says; the clock of this test is another one. */
  const asOfNow = (): Promise<void> => utimes(join(test.testdirName, 'blobs', sha256), clock.now() / 1_000, clock.now() / 1_000);
  await upload();
  await asOfNow();
  await clock.advance(0.9 * hourMs);
  await later(kept);
  test.equal(await isThere(), true, 'an upload may be followed by its release');
  await clock.advance(1.2 * hourMs);
  await later(kept);
  test.equal(await isThere(), false, 'after an hour it is not');
  await upload();
  await asOfNow();
  const next = new ReleaseBlobs({ store, blobs, clock });
  await later(next);
  test.equal(await isThere(), true, 'what is young may belong to an upload before a restart');
  await clock.advance(1.2 * hourMs);
  await later(next);
  test.equal(await isThere(), false, 'what an earlier run has left goes too');
});

void t.test('an upload that fails holds nothing', async (test) => {
  const { kept, isThere, upload } = await setting(test);
  await test.rejects(kept.upload((async function* () { yield Buffer.from('wrong'); })(), identity, signal), { code: 'WO_ARTIFACT_CORRUPT' });
  await upload();
  await (await kept.claim([sha256])).release();
  test.equal(await isThere(), false, 'the one upload that there was has ended');
});
