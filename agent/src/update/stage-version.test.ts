import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { withDeadline, WombatError } from '@wombat/proto';
import { tarball } from '@wombat/proto/testing';
import { inProcessUnpacker } from '../releases/unpacker.js';
import { mountSmallDisk, unmountSmallDisk } from '../testing/small-disk.js';
import { stageVersion, type StageRequest } from './stage-version.js';

const signal = new AbortController().signal;

function request(t: Test, agent: string): StageRequest {
  const bytes = gzipSync(tarball([{ path: 'bin/wombat-agent', contents: `#!/bin/sh\n${agent}\n`, mode: 0o755 }]));
  return {
    directory: t.testdir({ versions: {} }),
    sha256: createHash('sha256').update(bytes).digest('hex'),
    sizeBytes: bytes.length,
    unpacker: inProcessUnpacker,
    source: {
      async *fetch(_sha256, offset) {
        yield bytes.subarray(offset);
      },
    },
  };
}

const versions = ({ directory }: StageRequest): readonly string[] => readdirSync(join(directory, 'versions'));

t.test('a package that runs here is there whole', async (t) => {
  const good = request(t, 'test "$1" = --version');
  await stageVersion(good, signal);
  t.strictSame(versions(good), [good.sha256]);
  t.ok(existsSync(join(good.directory, 'versions', good.sha256, 'bin/wombat-agent')));
});

t.test('of one with another checksum nothing stays', async (t) => {
  const wrong = { ...request(t, 'exit 0'), sha256: 'a'.repeat(64) };
  await t.rejects(stageVersion(wrong, signal), { code: 'WO_ARTIFACT_CORRUPT' });
  t.strictSame(versions(wrong), []);
});

t.test('one that does not run here is told with what it said', async (t) => {
  const broken = request(t, 'echo glibc is too old >&2; exit 1');
  await t.rejects(stageVersion(broken, signal), { code: 'WO_AGENT_UPDATE_FAILED', message: /glibc is too old/ });
  t.strictSame(versions(broken), [], 'nothing stays');
});

t.test('what is no package is told', async (t) => {
  const bytes = gzipSync(Buffer.from('no tarball'.repeat(100)));
  const none: StageRequest = { directory: t.testdir({ versions: {} }), sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes: bytes.length, unpacker: inProcessUnpacker, source: { async *fetch() { yield bytes; } } };
  await t.rejects(stageVersion(none, signal), { code: 'WO_ARCHIVE_INVALID' });
  t.strictSame(versions(none), []);
});

t.test('a session that ends on the way is waited for, until there is no more time', async (t) => {
  const good = request(t, 'exit 0');
  const offsets: number[] = [];
  const cut: StageRequest = {
    ...good,
    source: {
      async *fetch(sha256, offset, until) {
        offsets.push(offset);
        for await (const bytes of good.source.fetch(sha256, offset, until)) yield offsets.length === 1 ? bytes.subarray(0, 20) : bytes;
        if (offsets.length === 1) throw new WombatError('WO_UNAVAILABLE', 'the session has ended');
      },
    },
  };
  await stageVersion(cut, signal);
  t.strictSame(offsets, [0, 20], 'it goes on where it was cut off');
  t.strictSame(versions(cut), [cut.sha256]);

  const never: StageRequest = { ...request(t, 'exit 0'), source: { fetch: () => { throw new WombatError('WO_UNAVAILABLE', 'the session has ended'); } } };
  await t.rejects(stageVersion(never, withDeadline(100, 'fetching')), { code: 'WO_DEADLINE_EXCEEDED' });
  t.strictSame(versions(never), [], 'nothing stays');
});

const base = mkdtempSync(join(tmpdir(), 'wombat-stage-'));
const disk = join(base, 'disk');
const missing = mountSmallDisk(disk, 2);
t.teardown(() => {
  if (missing === undefined) unmountSmallDisk(disk);
  rmSync(base, { recursive: true });
});

t.test('a disk that the unpacked package would fill stays as it was', { skip: missing ?? false }, async (t) => {
  mkdirSync(join(disk, 'versions'));
  const bytes = gzipSync(tarball([{ path: 'bin/wombat-agent', contents: '#!/bin/sh\n', mode: 0o755 }, { path: 'large', contents: 'x'.repeat(1_500_000) }]));
  const large: StageRequest = { directory: disk, sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes: bytes.length, unpacker: inProcessUnpacker, source: { async *fetch() { yield bytes; } } };
  writeFileSync(join(disk, 'filler'), Buffer.alloc(1_000_000));
  await t.rejects(stageVersion(large, signal), { code: 'WO_DISK_FULL', message: /the package of the agent, unpacked, needs 15\d{5} bytes/ });
  t.strictSame(versions(large), [], 'nothing stays');
  rmSync(join(disk, 'filler'));
  await stageVersion(large, signal);
  t.strictSame(versions(large), [large.sha256], 'and with space it is there');
});
