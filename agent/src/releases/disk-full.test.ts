import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { tarball } from '@wombat/proto/testing';
import { mountSmallDisk, unmountSmallDisk } from '../testing/small-disk.js';
import { FileReleaseStore } from './file-release-store.js';
import { inProcessUnpacker } from './unpacker.js';

const signal = new AbortController().signal;

const base = mkdtempSync(join(tmpdir(), 'wombat-disk-'));
const disk = join(base, 'disk');
const missing = mountSmallDisk(disk, 8);
t.teardown(() => {
  if (missing === undefined) unmountSmallDisk(disk);
  rmSync(base, { recursive: true });
});

t.test('a disk that is really full', { skip: missing ?? false }, async (t) => {
  // Stored, not compressed: what is unpacked takes as much as what is fetched.
  const bytes = tarball([{ path: 'bin/run', contents: '#!/bin/sh\n', mode: 0o755 }, { path: 'data', contents: randomBytes(3 * 1024 * 1024) }]);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  async function* fetch(_: string, offset: number): AsyncGenerator<Uint8Array> {
    for (let start = offset; start < bytes.length; start += 65_536) yield bytes.subarray(start, start + 65_536);
  }
  const directory = join(disk, 'store');
  const store = new FileReleaseStore({ directory, source: { fetch }, unpacker: inProcessUnpacker });
  const artifact = { sha256, sizeBytes: BigInt(bytes.length), sharedPaths: [] };
  const filler = join(disk, 'filler');
  const left = (folder: string): string[] => readdirSync(join(directory, folder));

  writeFileSync(filler, Buffer.alloc(4 * 1024 * 1024));
  await t.rejects(store.ensureTree(artifact, signal), { code: 'WO_DISK_FULL', details: { neededBytes: /^\d+$/, freeBytes: /^\d+$/ } }, 'it is foreseen');
  rmSync(filler);

  await t.test('while it is unpacked', async (t) => {
    const racing = new FileReleaseStore({
      directory: join(disk, 'other'),
      source: { fetch },
      unpacker: { unpack: (request, given) => (writeFileSync(filler, Buffer.alloc(3 * 1024 * 1024)), inProcessUnpacker.unpack(request, given)) },
    });
    await t.rejects(racing.ensureTree(artifact, signal), { code: 'WO_DISK_FULL' });
    t.strictSame(['trees', 'staging'].map((folder) => readdirSync(join(disk, 'other', folder))), [[], []], 'nothing half done is left');
    rmSync(filler);
    rmSync(join(disk, 'other'), { recursive: true });
  });

  await t.test('while it is fetched', async (t) => {
    async function* filling(_: string, offset: number): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(offset, offset + 65_536);
      writeFileSync(filler, Buffer.alloc(6 * 1024 * 1024));
      yield* fetch(_, offset + 65_536);
    }
    const racing = new FileReleaseStore({ directory: join(disk, 'third'), source: { fetch: filling }, unpacker: inProcessUnpacker });
    await t.rejects(racing.ensureTree(artifact, signal), { code: 'WO_DISK_FULL', details: { neededBytes: /^\d+$/, freeBytes: /^\d+$/ } });
    t.strictSame(['trees', 'staging', 'partial'].map((folder) => readdirSync(join(disk, 'third', folder))), [[], [], []], 'what had come gives its space back');
    rmSync(filler);
    rmSync(join(disk, 'third'), { recursive: true });
  });

  await store.ensureTree(artifact, signal);
  t.strictSame(left('trees'), [sha256], 'it recovers by itself once there is room');

  writeFileSync(filler, Buffer.alloc(3 * 1024 * 1024));
  await t.rejects(store.makeRoot({ artifact, rootDirectory: join(disk, 'root'), files: [] }, signal), { code: 'WO_DISK_FULL' });
  t.strictSame([left('staging'), left('trees')], [[], [sha256]], 'a root that does not fit leaves nothing, and the tree as it was');
});
