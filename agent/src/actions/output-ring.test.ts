import { appendFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readLog } from '../logs/read-log.js';
import { SecretMask } from '../nodes/mask-secrets.js';
import { OutputRing } from './output-ring.js';

const limitBytes = 100_000;

/** Bytes that say where they are. */
function numbered(from: number, to: number): Buffer {
  return Buffer.from(Array.from({ length: to - from }, (_, index) => ((from + index) * 7919) >> 3 & 0xff));
}

async function kept(ring: OutputRing, from = 0): Promise<{ offset: number; lost: number; data: Buffer }[]> {
  const pieces: { offset: number; lost: number; data: Buffer }[] = [];
  for await (const { offset, lostBytes, data } of readLog(ring, from, new AbortController().signal)) {
    const last = pieces.at(-1);
    if (last && lostBytes === 0n) last.data = Buffer.concat([last.data, data]);
    else pieces.push({ offset: Number(offset), lost: Number(lostBytes), data });
  }
  return pieces;
}

t.test('the first and the last bytes are kept, however they are written', async (t) => {
  for (const steps of [[30_000], [100_000], [100_001], [350_000], [99_000, 2_000], [150_000, 10_000], [150_000, 60_000, 1], [70_000, 70_000, 70_000, 70_000], [1_000_000, 50_000, 49_999]]) {
    const file = join(t.testdir({}), 'stdout');
    writeFileSync(file, '');
    let total = 0;
    for (const bytes of steps) {
      appendFileSync(file, numbered(total, total + bytes));
      total += bytes;
      // Another agent each time: what it has to know lies on the disk.
      new OutputRing(file, limitBytes).trim();
    }
    const ring = new OutputRing(file, limitBytes);
    const lost = Math.max(0, total - limitBytes);
    const what = steps.join(' + ');
    t.strictSame(ring.extent(), { sizeBytes: total, lostBytes: lost }, what);
    const pieces = await kept(ring);
    t.strictSame(pieces.map(({ offset, lost: before }) => [offset, before]), lost > 0 ? [[0, 0], [50_000 + lost, lost]] : [[0, 0]], `${what}: the loss has its place`);
    for (const { offset, data } of pieces) t.ok(data.equals(numbered(offset, offset + data.length)), `${what}: every byte from ${offset} on is the one that was written`);
    t.equal(pieces.reduce((sum, { data }) => sum + data.length, 0), total - lost, `${what}: as many as there is room for`);
    t.strictSame(await kept(ring, total - 10), [{ offset: total - 10, lost: 0, data: numbered(total - 10, total) }], `${what}: the end can be asked for`);
    const onDisk = readdirSync(join(file, '..')).reduce((sum, name) => sum + statSync(join(file, '..', name)).size, 0);
    t.ok(onDisk < 1.6 * limitBytes, `${what}: the disk is bounded (${onDisk})`);
  }
});

t.test('nothing was written, or there is no file', async (t) => {
  const file = join(t.testdir({}), 'stdout');
  const ring = new OutputRing(file, limitBytes);
  ring.trim();
  t.strictSame([ring.extent(), await kept(ring)], [{ sizeBytes: 0, lostBytes: 0 }, []]);
});

t.test('a small limit keeps what stands in the outcome', async (t) => {
  const file = join(t.testdir({}), 'stdout');
  writeFileSync(file, numbered(0, 50_000));
  const ring = new OutputRing(file, 20_000);
  ring.trim();
  t.strictSame(ring.extent(), { sizeBytes: 50_000, lostBytes: 30_000 });
  t.equal((await kept(ring))[0]?.data.length, 16 * 1024);
});

t.test('nothing of a secret is kept, wherever the output was cut through it', async (t) => {
  const secret = 'canary-1234567';
  const mask = new SecretMask(undefined, [secret, 'canary-1']);
  const output = secret.repeat(20_000);
  for (const steps of [[30_000], [100_010], [150_003], [99_000, 2_000, 30_001], [150_000, 60_005, 7]]) {
    const file = join(t.testdir({}), 'stdout');
    writeFileSync(file, '');
    const ring = new OutputRing(file, limitBytes);
    let total = 0;
    for (const bytes of steps) {
      appendFileSync(file, output.slice(total, total + bytes));
      total += bytes;
      ring.trim();
    }
    const { sizeBytes } = ring.extent();
    ring.mask(mask);
    t.equal(ring.extent().sizeBytes, sizeBytes, 'as many stars as bytes');
    const shown = (await kept(ring)).map(({ data }) => data.toString()).join('');
    // The last of the output may be no secret at all.
    t.match(shown.slice(0, -secret.length), /^\**$/, `${steps.join(' + ')}: nothing but stars`);
  }
});
