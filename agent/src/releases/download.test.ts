import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { WombatError } from '@wombat/proto';
import { download, type DownloadRequest } from './download.js';

const signal = new AbortController().signal;
const bytes = randomBytes(100_000);
const sha256 = createHash('sha256').update(bytes).digest('hex');

type Answer = (offset: number) => AsyncIterable<Uint8Array>;

async function* pieces(content: Uint8Array, offset: number, end = content.length): AsyncGenerator<Uint8Array> {
  for (let start = offset; start < end; start += 4_096) yield content.subarray(start, Math.min(end, start + 4_096));
}

/** Answers one call after the other, the last for ever, and remembers from where each was asked. */
function requestOf(directory: string, ...answers: Answer[]): DownloadRequest & { readonly offsets: number[] } {
  const offsets: number[] = [];
  const fetch = (asked: string, offset: number): AsyncIterable<Uint8Array> => {
    if (asked !== sha256) throw new Error('another artifact was asked for');
    offsets.push(offset);
    return (answers.length > 1 ? answers.shift()! : answers[0]!)(offset);
  };
  return { source: { fetch }, sha256, sizeBytes: bytes.length, partialPath: join(directory, sha256), offsets };
}

const whole: Answer = (offset) => pieces(bytes, offset);
const cutAt = (end: number): Answer => (offset) => pieces(bytes, offset, end);

async function* failing(offset: number, end: number): AsyncGenerator<Uint8Array> {
  yield* pieces(bytes, offset, end);
  throw new WombatError('WO_HOST_UNREACHABLE', 'the session has ended');
}

t.test('in one go', async (t) => {
  const request = requestOf(t.testdir(), whole);
  await download(request, signal);
  t.ok(readFileSync(request.partialPath).equals(bytes));
  t.equal(statSync(request.partialPath).mode & 0o777, 0o600);
  t.strictSame(request.offsets, [0]);
  await download(request, signal);
  t.strictSame(request.offsets, [0], 'what is there whole is not asked for again');
});

t.test('an interruption keeps what came, and the next try goes on from there', async (t) => {
  const request = requestOf(t.testdir(), (offset) => failing(offset, 50_000), whole);
  await t.rejects(download(request, signal), { code: 'WO_HOST_UNREACHABLE' });
  t.equal(statSync(request.partialPath).size, 50_000);
  await download(request, signal);
  t.strictSame(request.offsets, [0, 50_000]);
  t.ok(readFileSync(request.partialPath).equals(bytes));
});

t.test('an abort keeps what came', async (t) => {
  const controller = new AbortController();
  async function* aborting(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 10_000);
    controller.abort(new Error('no longer wanted'));
    yield bytes.subarray(10_000);
  }
  const request = requestOf(t.testdir(), aborting);
  await t.rejects(download(request, controller.signal), { message: 'no longer wanted' });
  t.equal(statSync(request.partialPath).size, 10_000);
});

t.test('what ends early is gone on with, once', async (t) => {
  const request = requestOf(t.testdir(), cutAt(30_000), whole);
  await download(request, signal);
  t.strictSame(request.offsets, [0, 30_000]);
  const never = requestOf(t.testdir(), cutAt(30_000));
  await t.rejects(download(never, signal), { code: 'WO_ARTIFACT_CORRUPT', message: /ended after 30000 of 100000/ });
  t.notOk(existsSync(never.partialPath));
});

t.test('wrong bytes are fetched once more from the beginning, then given up', async (t) => {
  const wrong = Buffer.from(bytes);
  wrong[77_777]! ^= 1;
  const once = requestOf(t.testdir(), (offset) => pieces(wrong, offset), whole);
  await download(once, signal);
  t.strictSame(once.offsets, [0, 0]);
  t.ok(readFileSync(once.partialPath).equals(bytes));
  const always = requestOf(t.testdir(), (offset) => pieces(wrong, offset));
  await t.rejects(download(always, signal), { code: 'WO_ARTIFACT_CORRUPT', message: /sha256/ });
  t.strictSame(always.offsets, [0, 0]);
  t.notOk(existsSync(always.partialPath), 'no wrong bytes are kept');
});

t.test('more than was announced is not written', async (t) => {
  const request = requestOf(t.testdir(), () => pieces(Buffer.concat([bytes, bytes]), 0));
  await t.rejects(download(request, signal), { code: 'WO_ARTIFACT_CORRUPT', message: /more than its 100000 bytes/ });
  t.notOk(existsSync(request.partialPath));
});

t.test('a partial file that somebody has spoiled costs one more fetch', async (t) => {
  const spoiled = requestOf(t.testdir(), whole);
  writeFileSync(spoiled.partialPath, randomBytes(40_000));
  await download(spoiled, signal);
  t.strictSame(spoiled.offsets, [40_000, 0]);
  const longer = requestOf(t.testdir(), whole);
  writeFileSync(longer.partialPath, randomBytes(200_000));
  await download(longer, signal);
  t.strictSame(longer.offsets, [0], 'one that is too long is begun anew');
  t.ok(readFileSync(longer.partialPath).equals(bytes));
});

t.test('a disk without room is noticed before anything is fetched', async (t) => {
  const directory = t.testdir();
  const { blocks, bsize } = statfsSync(directory);
  // Would fit on the disk if nothing else were there.
  const request = { ...requestOf(directory, whole), sizeBytes: Math.floor((blocks * bsize) / 2.3) };
  await t.rejects(download(request, signal), { code: 'WO_DISK_FULL', details: { neededBytes: String(Math.ceil(request.sizeBytes * 2.2)), freeBytes: /^\d+$/ } });
  await t.rejects(download({ ...request, sizeBytes: 2 ** 50 }, signal), { code: 'WO_DISK_TOO_SMALL', details: { totalBytes: String(blocks * bsize) } }, 'what never can is told apart');
  t.strictSame(request.offsets, []);
  t.notOk(existsSync(request.partialPath), 'and nothing is left');
});

t.test('a disk that fills up on the way gets its room back', async (t) => {
  async function* filling(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 10_000);
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  }
  const request = requestOf(t.testdir(), filling);
  await t.rejects(download(request, signal), { code: 'WO_DISK_FULL', details: { neededBytes: '100000' } });
  t.notOk(existsSync(request.partialPath));
});
