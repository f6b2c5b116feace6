import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { limits } from '@wombat/proto';
import { FileBlobStore } from './file-blob-store.js';

const signal = new AbortController().signal;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function all(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

t.test('what is put is got, from any offset', async (t) => {
  const directory = t.testdir();
  const store = new FileBlobStore(directory);
  const bytes = randomBytes(600_000);
  const identity = { sha256: sha256(bytes), sizeBytes: bytes.length };
  t.equal(await store.size(identity.sha256), undefined);
  t.strictSame(await store.put(pieces(bytes), identity, signal), { existed: false });
  t.equal(await store.size(identity.sha256), bytes.length);
  for (const offset of [0, 1, 262_144, bytes.length - 1, bytes.length]) {
    t.ok((await all(store.get(identity.sha256, offset, signal))).equals(bytes.subarray(offset)), `from ${offset}`);
  }
  for await (const chunk of store.get(identity.sha256, 0, signal)) t.ok(chunk.length <= limits.artifactChunkBytes, 'no piece is larger than a message may be');
  t.equal(statSync(join(directory, identity.sha256)).mode & 0o777, 0o600, 'readable by its owner only');
  t.strictSame(readdirSync(join(directory, 'staging')), []);
  t.equal(await store.delete(identity.sha256), true);
  t.equal(await store.delete(identity.sha256), false);
  await t.rejects(all(store.get(identity.sha256, 0, signal)), { code: 'WO_NOT_FOUND' });
});

t.test('what is there is not read again', async (t) => {
  const store = new FileBlobStore(t.testdir());
  const bytes = Buffer.from('tarball');
  const identity = { sha256: sha256(bytes), sizeBytes: bytes.length };
  await store.put(pieces(bytes), identity, signal);
  const unread = { [Symbol.asyncIterator]: () => t.fail('the source was read') as never };
  t.strictSame(await store.put(unread, identity, signal), { existed: true });
});

t.test('wrong bytes leave nothing behind', async (t) => {
  const directory = t.testdir();
  const store = new FileBlobStore(directory);
  const bytes = Buffer.from('the right bytes');
  const identity = { sha256: sha256(bytes), sizeBytes: bytes.length };
  const wrong: [string, Uint8Array][] = [['flipped', Buffer.from('the wrong bytes')], ['cut', bytes.subarray(1)], ['longer', Buffer.concat([bytes, bytes])], ['nothing', Buffer.alloc(0)]];
  for (const [what, sent] of wrong) {
    await t.rejects(store.put(pieces(sent), identity, signal), { code: 'WO_ARTIFACT_CORRUPT' }, what);
    t.equal(await store.size(identity.sha256), undefined, what);
  }
  await t.rejects(store.put(pieces(bytes), { ...identity, sizeBytes: limits.artifactBytes + 1 }, signal), { code: 'WO_ARTIFACT_TOO_LARGE' });
  t.strictSame(readdirSync(directory), ['staging']);
  t.strictSame(readdirSync(join(directory, 'staging')), []);
});

t.test('an upload that is cut off leaves nothing behind', async (t) => {
  const directory = t.testdir();
  const store = new FileBlobStore(directory);
  const controller = new AbortController();
  async function* cut(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('abc');
    controller.abort(new Error('the client has gone'));
    yield Buffer.from('def');
  }
  await t.rejects(store.put(cut(), { sha256: sha256(Buffer.from('abcdef')), sizeBytes: 6 }, controller.signal), { message: 'the client has gone' });
  t.strictSame(readdirSync(join(directory, 'staging')), []);
});

t.test('a damaged blob is written anew', async (t) => {
  const directory = t.testdir();
  const bytes = Buffer.from('tarball');
  const identity = { sha256: sha256(bytes), sizeBytes: bytes.length };
  for (const damaged of ['tar', 'tarbolt', 'tarballs']) {
    writeFileSync(join(directory, identity.sha256), damaged);
    t.strictSame(await new FileBlobStore(directory).put(pieces(bytes), identity, signal), { existed: false }, damaged);
    t.equal(readFileSync(join(directory, identity.sha256), 'utf8'), 'tarball');
  }
});

t.test('what an earlier coordinator left half written goes', async (t) => {
  const directory = t.testdir();
  mkdirSync(join(directory, 'staging'));
  writeFileSync(join(directory, 'staging', 'half'), 'x');
  const bytes = Buffer.from('x');
  await new FileBlobStore(directory).put(pieces(bytes), { sha256: sha256(bytes), sizeBytes: 1 }, signal);
  t.strictSame(readdirSync(join(directory, 'staging')), []);
});

t.test('two uploads of one blob at once both succeed', async (t) => {
  const store = new FileBlobStore(t.testdir());
  const bytes = randomBytes(50_000);
  const identity = { sha256: sha256(bytes), sizeBytes: bytes.length };
  await Promise.all([store.put(pieces(bytes), identity, signal), store.put(pieces(bytes), identity, signal)]);
  t.ok((await all(store.get(identity.sha256, 0, signal))).equals(bytes));
});

t.test('no path comes from what a client says', async (t) => {
  const store = new FileBlobStore(t.testdir());
  const names = ['../x', 'staging', '', 'A'.repeat(64), `${'a'.repeat(64)}/..`, 'g'.repeat(64)];
  for (const name of names) {
    await t.rejects(store.size(name), { code: 'WO_INVALID_ARGUMENT' }, name);
    await t.rejects(store.delete(name), { code: 'WO_INVALID_ARGUMENT' }, name);
    await t.rejects(all(store.get(name, 0, signal)), { code: 'WO_INVALID_ARGUMENT' }, name);
    await t.rejects(store.put(pieces(Buffer.from('x')), { sha256: name, sizeBytes: 1 }, signal), { code: 'WO_INVALID_ARGUMENT' }, name);
  }
  const bytes = Buffer.from('abc');
  await store.put(pieces(bytes), { sha256: sha256(bytes), sizeBytes: 3 }, signal);
  for (const offset of [-1, 4, 0.5, NaN]) await t.rejects(all(store.get(sha256(bytes), offset, signal)), { code: 'WO_INVALID_ARGUMENT' }, `offset ${offset}`);
});
