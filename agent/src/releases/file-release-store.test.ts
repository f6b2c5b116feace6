import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { tarball, type TarItem } from '@wombat/proto/testing';
import type { ArtifactRef } from '@wombat/proto/agent';
import { FileReleaseStore } from './file-release-store.js';
import { inProcessUnpacker, type Unpacker } from './unpacker.js';

const signal = new AbortController().signal;

interface Shelf {
  readonly store: FileReleaseStore;
  readonly directory: string;
  readonly fetched: string[];
  add(items: readonly TarItem[], sharedPaths?: string[]): ArtifactRef;
}

function shelfIn(base: string, unpacker: Unpacker = inProcessUnpacker, spoil: (bytes: Buffer) => Buffer = (bytes) => bytes): Shelf {
  const directory = join(base, 'store');
  const blobs = new Map<string, Buffer>();
  const fetched: string[] = [];
  async function* fetch(sha256: string, offset: number): AsyncGenerator<Uint8Array> {
    fetched.push(sha256);
    const bytes = spoil(Buffer.from(blobs.get(sha256)!));
    for (let start = offset; start < bytes.length; start += 1_000) yield bytes.subarray(start, start + 1_000);
  }
  return {
    store: new FileReleaseStore({ directory, source: { fetch }, unpacker }),
    directory,
    fetched,
    add(items, sharedPaths = []) {
      const bytes = gzipSync(tarball(items));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      blobs.set(sha256, bytes);
      return { sha256, sizeBytes: BigInt(bytes.length), sharedPaths };
    },
  };
}

const items: TarItem[] = [
  { path: 'app-1/bin/run', contents: '#!/bin/sh\n', mode: 0o755 },
  { path: 'app-1/etc/app.conf', contents: 'x=1\n' },
];
const left = (shelf: Shelf, folder: string): string[] => readdirSync(join(shelf.directory, folder));

t.test('a tree is fetched once, read-only, and nothing else is left', async (t) => {
  const shelf = shelfIn(t.testdir());
  const artifact = shelf.add(items);
  await Promise.all([1, 2, 3].map(() => shelf.store.ensureTree(artifact, signal)));
  await shelf.store.ensureTree(artifact, signal);
  t.strictSame(shelf.fetched, [artifact.sha256]);
  t.strictSame(left(shelf, 'trees'), [artifact.sha256]);
  t.strictSame([left(shelf, 'partial'), left(shelf, 'staging')], [[], []]);
  const tree = join(shelf.directory, 'trees', artifact.sha256);
  t.strictSame(readdirSync(tree), ['bin', 'etc'], 'the folder around everything is left away');
  t.strictSame(['.', 'bin', 'etc'].map((path) => statSync(join(tree, path)).mode & 0o777), [0o555, 0o555, 0o555]);
});

t.test('a root of each node`s own', async (t) => {
  const base = t.testdir();
  const shelf = shelfIn(base);
  const artifact = shelf.add(items);
  await shelf.store.ensureTree(artifact, signal);
  const rootDirectory = join(base, 'root');
  const files = [{ path: 'etc/app.conf', content: Buffer.from('x=2\n'), mode: 0 }];
  await shelf.store.makeRoot({ artifact, rootDirectory, files }, signal);
  t.equal(readFileSync(join(rootDirectory, 'etc/app.conf'), 'utf8'), 'x=2\n');
  t.equal(lstatSync(rootDirectory).mode & 0o777, 0o755);
  await t.rejects(shelf.store.makeRoot({ artifact, rootDirectory, files }, signal), { code: 'WO_CONFLICT' });
  await t.rejects(shelf.store.makeRoot({ artifact: { ...artifact, sha256: 'a'.repeat(64) }, rootDirectory: join(base, 'r2'), files }, signal), { code: 'WO_NOT_FOUND' });
  const bad = [{ path: '../x', content: Buffer.from('x'), mode: 0 }];
  await t.rejects(shelf.store.makeRoot({ artifact, rootDirectory: join(base, 'r3'), files: bad }, signal), { message: /\.\./ });
  t.notOk(existsSync(join(base, 'r3')), 'complete or not at all');
  t.strictSame(left(shelf, 'staging'), []);
});

t.test('125 roots at once', async (t) => {
  const base = t.testdir({ roots: {} });
  const shelf = shelfIn(base);
  const artifact = shelf.add(items);
  await shelf.store.ensureTree(artifact, signal);
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: 125 }, (_, index) => shelf.store.makeRoot({ artifact, rootDirectory: join(base, 'roots', String(index)), files: [] }, signal)));
  const tookMs = performance.now() - startedAt;
  t.equal(readdirSync(join(base, 'roots')).length, 125);
  t.ok(tookMs < 5_000, `125 roots took ${tookMs.toFixed(0)} ms`);
  t.comment(`125 roots through the store: ${tookMs.toFixed(0)} ms`);
});

t.test('what is corrupt or refused is never activated', async (t) => {
  const flipped = shelfIn(t.testdir(), inProcessUnpacker, (bytes) => (bytes[30]! ^= 1, bytes));
  const artifact = flipped.add(items);
  await t.rejects(flipped.store.ensureTree(artifact, signal), { code: 'WO_ARTIFACT_CORRUPT' });
  t.equal(flipped.fetched.length, 2, 'it is tried twice');
  const hostile = shelfIn(t.testdir());
  await t.rejects(hostile.store.ensureTree(hostile.add([{ path: 'a', contents: 'x' }, { path: '../b', contents: 'x' }]), signal), { code: 'WO_ARCHIVE_REFUSED' });
  for (const shelf of [flipped, hostile]) t.strictSame([left(shelf, 'trees'), left(shelf, 'staging')], [[], []]);
  await t.rejects(hostile.store.ensureTree({ sha256: '../../x', sizeBytes: 1n, sharedPaths: [] }, signal), { code: 'WO_INVALID_ARGUMENT' });
  await t.rejects(hostile.store.ensureTree({ sha256: 'a'.repeat(64), sizeBytes: 2n ** 40n, sharedPaths: [] }, signal), { code: 'WO_ARTIFACT_TOO_LARGE' });
  t.strictSame(hostile.fetched.length, 1);
});

t.test('a full disk while unpacking is told as such, and the room is given back', async (t) => {
  const full: Unpacker = {
    async unpack({ directory }) {
      writeFileSync(join(directory, 'half'), 'x');
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    },
  };
  const shelf = shelfIn(t.testdir(), full);
  await t.rejects(shelf.store.ensureTree(shelf.add(items), signal), { code: 'WO_DISK_FULL', details: { freeBytes: /^\d+$/ } });
  t.strictSame([left(shelf, 'trees'), left(shelf, 'staging')], [[], []]);
});

t.test('an interrupted unpack is done again without another fetch', async (t) => {
  const base = t.testdir();
  let tries = 0;
  const once: Unpacker = { unpack: (request, given) => (++tries === 1 ? Promise.reject(new Error('killed')) : inProcessUnpacker.unpack(request, given)) };
  const shelf = shelfIn(base, once);
  const artifact = shelf.add(items);
  await t.rejects(shelf.store.ensureTree(artifact, signal), { message: 'killed' });
  await shelf.store.ensureTree(artifact, signal);
  t.equal(shelf.fetched.length, 1);
});

t.test('pruning keeps what is named, and removes what earlier runs left', async (t) => {
  const base = t.testdir({ store: { staging: { half: { deep: { x: 'x' } } }, partial: { ['b'.repeat(64)]: 'x', ['c'.repeat(64)]: 'x' } } });
  const shelf = shelfIn(base);
  const [kept, dropped] = [shelf.add(items), shelf.add([...items, { path: 'app-1/more', contents: 'x' }])];
  await shelf.store.ensureTree(kept, signal);
  t.strictSame(left(shelf, 'staging'), [], 'staging is emptied at the first use');
  await shelf.store.ensureTree(dropped, signal);
  mkdirSync(join(shelf.directory, 'staging', 'later'));
  await shelf.store.prune(new Set([kept.sha256, 'c'.repeat(64)]));
  t.strictSame(left(shelf, 'trees'), [kept.sha256]);
  t.strictSame(left(shelf, 'partial'), ['c'.repeat(64)]);
  t.strictSame(left(shelf, 'staging'), []);
});

t.test('a tree that a root is being made from is not pruned', async (t) => {
  const base = t.testdir();
  const shelf = shelfIn(base);
  const artifact = shelf.add(items);
  await shelf.store.ensureTree(artifact, signal);
  const making = shelf.store.makeRoot({ artifact, rootDirectory: join(base, 'root'), files: [] }, signal);
  await Promise.all([making, shelf.store.prune(new Set())]);
  t.ok(existsSync(join(base, 'root', 'bin/run')), 'the root is whole');
});
