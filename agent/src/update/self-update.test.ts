import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { AgentUpdateFailed } from '@wombat/proto/agent';
import { tarball } from '@wombat/proto/testing';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { inProcessUnpacker } from '../releases/unpacker.js';
import { until } from '../testing/until.js';
import { ProgramVersions } from './program-versions.js';
import { SelfUpdate } from './self-update.js';

const running = 'a'.repeat(64);

function setting(t: Test, agent = 'exit 0') {
  const directory = t.testdir({ versions: { [running]: { bin: {} } } });
  symlinkSync(`versions/${running}`, join(directory, 'current'));
  const bytes = gzipSync(tarball([{ path: 'bin/wombat-agent', contents: `#!/bin/sh\n${agent}\n`, mode: 0o755 }]));
  const seen = { fetches: 0, ends: 0, failed: [] as AgentUpdateFailed[] };
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const updates = new SelfUpdate({
    directory, versions: ProgramVersions.open(directory)!, log: pino({ level: 'silent' }), end: () => (seen.ends += 1), unpacker: inProcessUnpacker,
    source: {
      async *fetch(_sha256, offset) {
        seen.fetches += 1;
        await gate;
        yield bytes.subarray(offset);
      },
    },
  });
  updates.onFailed((failed) => seen.failed.push(failed));
  const order = { updateId: 'op-1', sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes: BigInt(bytes.length) };
  return { directory, updates, order, seen, open, failed: () => until(() => seen.failed.length > 0, 'a failure').then(() => seen.failed[0]!) };
}

t.test('a package is fetched once, however often it is ordered, and the agent ends when it is the next to be started', async (t) => {
  const { directory, updates, order, seen, open } = setting(t);
  updates.take(order);
  updates.take(order);
  updates.take({ ...order, updateId: 'op-2' });
  await until(() => seen.failed.length === 1, 'a refusal');
  t.match(seen.failed[0], { updateId: 'op-2', error: { code: 'WO_IN_USE' } }, 'another one has to wait');
  open();
  await until(() => seen.ends === 1, 'the end');
  updates.take(order);
  t.equal(readFileSync(join(directory, 'pending'), 'utf8'), `${order.sha256} ${running} op-1\n`);
  t.equal(ProgramVersions.open(directory)?.running, order.sha256);
  t.same([seen.fetches, seen.ends, seen.failed.length], [1, 1, 1]);
});

t.test('what it runs already, and an update that was taken back, are not begun', async (t) => {
  const { directory, updates, order, seen } = setting(t);
  updates.take({ ...order, sha256: running });
  writeFileSync(join(directory, 'failed'), 'op-1 the coordinator had not greeted it after 60 s\n');
  updates.take(order);
  t.equal(seen.fetches, 0);
  t.match(updates.failed, { updateId: 'op-1', error: { code: 'WO_AGENT_UPDATE_FAILED', message: /not greeted it after 60 s/ } }, 'as its Hello tells');
});

t.test('what cannot be had or does not run is told, and leaves nothing', async (t) => {
  const broken = setting(t, 'echo no such libc >&2; exit 1');
  broken.open();
  broken.updates.take(broken.order);
  t.match(await broken.failed(), { updateId: 'op-1', error: { code: 'WO_AGENT_UPDATE_FAILED', message: /no such libc/ } });
  const wrong = setting(t);
  wrong.open();
  wrong.updates.take({ ...wrong.order, sha256: 'b'.repeat(64) });
  t.match(await wrong.failed(), { error: { code: 'WO_ARTIFACT_CORRUPT' } });
  for (const { directory, seen } of [broken, wrong]) {
    t.same(readdirSync(join(directory, 'versions')), [running]);
    t.same(readdirSync(directory).sort(), ['current', 'versions']);
    t.equal(seen.ends, 0, 'it runs on');
  }
  broken.updates.take({ ...broken.order, updateId: 'op-3' });
  await until(() => broken.seen.failed.length === 2, 'the second failure');
  t.match(broken.seen.failed[1], { updateId: 'op-3' }, 'and another try may follow');
});

t.test('orders that are none are refused before anything is done', async (t) => {
  for (const bad of [{ updateId: '' }, { updateId: 'a b' }, { updateId: '../x' }, { sha256: '../../etc/passwd' }, { sha256: 'A'.repeat(64) }, { sizeBytes: 0n }, { sizeBytes: 1n << 40n }]) {
    const { updates, order, failed, seen } = setting(t);
    updates.take({ ...order, ...bad });
    t.match(await failed(), { error: { code: 'WO_INVALID_ARGUMENT' } }, String(Object.entries(bad)[0]));
    t.equal(seen.fetches, 0);
  }
});
