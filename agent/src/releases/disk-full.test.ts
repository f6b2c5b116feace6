import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { tarball } from '@wombat/proto/testing';
import { FileReleaseStore } from './file-release-store.js';
import { inProcessUnpacker } from './unpacker.js';

const signal = new AbortController().signal;

/** Why there is no small disk, or undefined when there is one at the path now. */
function mountSmallDisk(path: string): string | undefined {
  try {
    mkdirSync(path, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', path], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `no tmpfs can be mounted here: ${(error as Error).message.split('\n').at(-2) ?? ''}`;
  }
}

const base = mkdtempSync(join(tmpdir(), 'wombat-disk-'));
const disk = join(base, 'disk');
const missing = mountSmallDisk(disk);
t.teardown(() => {
  if (missing === undefined) execFileSync('umount', [disk]);
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

  await store.ensureTree(artifact, signal);
  t.strictSame(left('trees'), [sha256], 'it recovers by itself once there is room');

  writeFileSync(filler, Buffer.alloc(3 * 1024 * 1024));
  await t.rejects(store.makeRoot({ artifact, rootDirectory: join(disk, 'root'), files: [] }, signal), { code: 'WO_DISK_FULL' });
  t.strictSame([left('staging'), left('trees')], [[], [sha256]], 'a root that does not fit leaves nothing, and the tree as it was');
});
