import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { tarball } from '@wombat/proto/testing';
import { stageVersion, type StageRequest } from './stage-version.js';

const signal = new AbortController().signal;

function request(t: Test, agent: string): StageRequest {
  const bytes = gzipSync(tarball([{ path: 'bin/wombat-agent', contents: `#!/bin/sh\n${agent}\n`, mode: 0o755 }]));
  return {
    directory: t.testdir({ versions: {} }),
    sha256: createHash('sha256').update(bytes).digest('hex'),
    sizeBytes: bytes.length,
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
