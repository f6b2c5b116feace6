import { createGzip, gzipSync, gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import type { WombatError } from '../errors/wombat-error.js';
import { hostileArchives } from '../testing/hostile-archives.js';
import { paxHeader, tarBlocks, tarball, type TarItem } from '../testing/tarball.js';
import { readArchive, type ReadArchiveOptions } from './read-archive.js';
import type { ArchiveSummary } from './archive-rules.js';

async function* pieces(bytes: Uint8Array, size = 4096): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

interface Read {
  readonly summary: ArchiveSummary;
  readonly files: Record<string, string>;
}

async function read(bytes: Uint8Array, options: Partial<ReadArchiveOptions> = {}, size?: number): Promise<Read> {
  const files: Record<string, string> = {};
  const summary = await readArchive({
    source: pieces(bytes, size),
    sizeBytes: bytes.length,
    visit(entry) {
      if (entry.kind !== 'file') return undefined;
      const chunks: Uint8Array[] = [];
      return { write: (chunk) => chunks.push(chunk), end: () => (files[entry.path] = Buffer.concat(chunks).toString()) };
    },
    ...options,
  });
  return { summary, files };
}

const long = `${'d'.repeat(90)}/${'f'.repeat(120)}`;
const good: TarItem[] = [
  { path: './', type: '5' },
  { path: './app/bin/run', contents: '#!/bin/sh\n', mode: 0o755 },
  { path: './app/empty' },
  { path: `./app/${long}`, contents: 'long' },
  { path: 'x', pax: { path: 'app/é' }, contents: 'pax' },
];

t.test('reads plain and gzipped tarballs, whatever the pieces', async (t) => {
  const expected = { 'app/bin/run': '#!/bin/sh\n', 'app/empty': '', [`app/${long}`]: 'long', 'app/é': 'pax' };
  const plain = tarball(good);
  for (const bytes of [plain, gzipSync(plain)]) {
    for (const size of [1, 100, 511, 513, 65_536]) {
      const { files, summary } = await read(bytes, {}, size);
      t.strictSame(files, expected, `in pieces of ${size}`);
      t.equal(summary.topFolder, 'app');
    }
  }
});

t.test('an archive without an end mark, and one with something behind it', async (t) => {
  const blocks = Buffer.concat([...tarBlocks(good)]);
  t.equal((await read(blocks)).summary.fileCount, 4, 'no end mark');
  t.equal((await read(Buffer.concat([tarball(good), tarball([{ path: '../evil' }])]))).summary.fileCount, 4, 'what follows the end is not read');
});

const invalid: readonly [string, Uint8Array][] = [
  ['nothing', Buffer.alloc(0)],
  ['text', Buffer.from('hello '.repeat(200))],
  ['zeros only', Buffer.alloc(10_240)],
  ['xz', Buffer.from('fd377a585a00001122', 'hex')],
  ['zstd', Buffer.from('28b52ffd001122', 'hex')],
  ['bzip2', Buffer.from('BZh91AY&SY')],
  ['zip', Buffer.from('504b030414000000', 'hex')],
  ['gzip of gzip', gzipSync(gzipSync(tarball(good)))],
  ['gzip cut short', gzipSync(tarball(good)).subarray(0, 100)],
  ['gzip with a flipped byte', flipped(gzipSync(tarball([{ path: 'a', contents: 'x'.repeat(5000) }])))],
  ['a body cut short', tarball([{ path: 'a', contents: 'x'.repeat(5000) }]).subarray(0, 2000)],
  ['a wrong checksum', tarball([{ path: 'a', contents: 'x', isCorrupt: true }])],
  ['a wrong checksum later', tarball([{ path: 'a', contents: 'x' }, { path: 'b', contents: 'x', isCorrupt: true }])],
];
for (const [what, bytes] of invalid) {
  t.test(`${what} is no tarball`, async (t) => {
    await t.rejects(read(bytes), { code: 'WO_ARCHIVE_INVALID' });
  });
}

function flipped(bytes: Buffer): Buffer {
  const middle = bytes.length - 6;
  bytes[middle] = bytes[middle]! ^ 0xff;
  return bytes;
}

for (const { what, bytes, reason, entry } of hostileArchives) {
  t.test(`${what}: refused by the name of the entry, plain and gzipped`, async (t) => {
    for (const form of [bytes, gzipSync(bytes)]) {
      const error = await read(form).then(() => undefined, (caught: unknown) => caught as WombatError);
      t.match(error, { code: 'WO_ARCHIVE_REFUSED', message: reason });
      t.match(error?.details['entry']?.startsWith(entry), true, `${error?.details['entry']} is named`);
    }
  });
}

t.test('what the mode of an entry may say', async (t) => {
  const modes: unknown[] = [];
  const bytes = tarball([{ path: 'var/', type: '5', mode: 0o2775 }, { path: 'var/run', mode: 0o1777, contents: 'x' }]);
  await readArchive({ source: pieces(bytes), sizeBytes: bytes.length, visit: (entry) => void modes.push(entry) });
  t.strictSame(modes, [{ kind: 'directory', path: 'var' }, { kind: 'file', path: 'var/run', sizeBytes: 1, executable: true }], 'setgid folders are common, and dropped as owners are');
});

t.test('a pax comment of git archive is no harm', async (t) => {
  const { summary } = await read(Buffer.concat([...paxHeader('g', { comment: 'commit' }), tarball([{ path: 'a', contents: 'x' }])]));
  t.equal(summary.fileCount, 1);
});

t.test('a bomb is refused soon', async (t) => {
  const zeros = Buffer.alloc(1024 * 1024);
  let givenBytes = 0;
  async function* bomb(): AsyncGenerator<Uint8Array> {
    const gzip = createGzip();
    gzip.write(tarball([{ path: 'zeros', sizeField: '10000000000\0' }]).subarray(0, 512));
    let written = 0;
    const more = (): void => {
      if (written++ < 1024) gzip.write(zeros, more);
      else gzip.end();
    };
    more();
    for await (const chunk of gzip as AsyncIterable<Buffer>) {
      givenBytes += chunk.length;
      yield chunk;
    }
  }
  let expanded = 0;
  const visit = (): { write(chunk: Uint8Array): void; end(): void } => ({ write: (chunk) => (expanded += chunk.length), end: () => undefined });
  await t.rejects(readArchive({ source: bomb(), sizeBytes: 1024, visit }), { code: 'WO_ARCHIVE_REFUSED', message: /200 times/ });
  t.ok(expanded <= 17 * 1024 * 1024, `stopped after ${expanded} bytes`);
  t.ok(givenBytes < 200_000, `${givenBytes} bytes were read`);
});

t.test('zeros behind the end mark count too', async (t) => {
  const bytes = gzipSync(Buffer.concat([tarball([{ path: 'a', contents: 'x' }]), Buffer.alloc(20 * 1024 * 1024)]));
  await t.rejects(read(bytes), { code: 'WO_ARCHIVE_REFUSED', message: /200 times/ });
});

t.test('200,000 entries are refused in bounded time', async (t) => {
  async function* many(): AsyncGenerator<Uint8Array> {
    for (let start = 0; start < 200_000; start += 1_000) {
      yield Buffer.concat([...tarBlocks(Array.from({ length: 1_000 }, (_, index) => ({ path: `f/${start + index}` })))]);
    }
  }
  await t.rejects(readArchive({ source: many(), sizeBytes: 200_000 * 512, visit: () => undefined }), { message: /more than 100000 entries/ });
});

t.test('an abort ends it', async (t) => {
  const controller = new AbortController();
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield tarball([{ path: 'a', sizeField: '10000000000\0' }]).subarray(0, 512);
    for (let count = 0; ; count += 1) {
      if (count === 3) controller.abort(new Error('enough'));
      yield Buffer.alloc(512);
    }
  }
  await t.rejects(readArchive({ source: endless(), sizeBytes: 1e9, visit: () => undefined, signal: controller.signal }), { message: 'enough' });
});

t.test('any bytes: an answer or a WombatError, never anything else', async (t) => {
  const base = tarball(good);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { maxLength: 6 }), fc.boolean(), async (edits, zipped) => {
      const bytes = Buffer.from(base);
      for (const [at, value] of edits) bytes[at] = value;
      try {
        await read(zipped ? gzipSync(bytes) : bytes);
        return true;
      } catch (error) {
        return ['WO_ARCHIVE_INVALID', 'WO_ARCHIVE_REFUSED'].includes((error as { code: string }).code);
      }
    }),
    { numRuns: 150 },
  );
  t.equal(gunzipSync(gzipSync(base)).length, base.length);
});
