import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { tarball } from '@wombat/proto/testing';
import t from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { phaseOf } from '../support/fleet-view.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

/** What a disk, or somebody at it, may do to the stored bytes. */
const damages: readonly [what: string, damage: (bytes: Buffer) => Buffer][] = [
  ['a bit is flipped', (bytes) => {
    const flipped = Buffer.from(bytes);
    flipped[Math.floor(bytes.length / 2)]! ^= 1;
    return flipped;
  }],
  ['the end is missing', (bytes) => bytes.subarray(0, bytes.length - 7)],
  ['it is empty', () => Buffer.alloc(0)],
  ['there is more of it', (bytes) => Buffer.concat([bytes, Buffer.from('more')])],
  ['it is another release', () => gzipSync(tarball([{ path: 'bin/start', mode: 0o755, contents: '#!/bin/sh\ntouch "$WOMBAT_DATA_DIR/swapped"\nexec sleep 1000000\n' }]))],
];

t.test('a stored release that was damaged is never run, and mended by uploading it again', async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop, { flags: ['--restart-tries', '0'] });
  const blobs = join(workshop.coordinator.directory, 'blobs');
  const name = readdirSync(blobs).find((each) => /^[0-9a-f]{64}$/.test(each)) ?? '';
  const good = await readFile(join(blobs, name));
  const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  for (const [what, damage] of damages) {
    await t.test(what, async (t) => {
      await writeFile(join(blobs, name), damage(good));
      const result = expectExit(t, await workshop.wo('deploy-nodes', family, '--amount', '1'), 1, what);
      t.match(result.stderr, 'error WO_ARTIFACT_CORRUPT:', 'the bytes are not what they should be');
      t.match(result.stderr, /try: upload the release again/, 'and there is a way out');
      const [node] = (await workshop.fleet.nodes()).slice(-1);
      t.equal(node && phaseOf(node), 'failed');
      t.strictSame(workshop.processes().filter(({ argv }) => argv[0] === 'sleep'), [], 'nothing of it runs');
      for (const host of workshop.hostDirectories()) {
        const releases = join(host, 'releases');
        t.strictSame(['trees', 'staging', 'partial'].flatMap((folder) => readdirSync(join(releases, folder))), [], 'nothing of it is left on the host');
      }
      await workshop.ok('node', 'remove', node?.metadata?.name ?? '', '--yes', '--delete-data');
    });
  }
  await workshop.ok('upload-release', 'sleepers release', join(workshop.directory, 'sleepers.tar.gz'), 'bin/start');
  t.equal(sha256(await readFile(join(blobs, name))), name, 'uploading it again mends it');
  await workshop.ok('deploy-nodes', family, '--amount', '1');
  await workshop.untilRunning(1);
});
