import { appendFileSync, closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChannelData } from '@wombat/proto/agent';
import t, { type Test } from 'tap';
import { canFreeBytes } from './free-space.js';
import { LogCursor } from './log-cursor.js';
import { LogFile } from './log-file.js';
import { readLog } from './read-log.js';
import { tailOffset } from './read-segments.js';

function logIn(t: Test, limits = { fileBytes: 100, files: 3 }): { file: string; log: LogFile } {
  const directory = mkdtempSync(join(tmpdir(), 'wombat-log-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'stdout.log');
  writeFileSync(file, '');
  return { file, log: new LogFile(file, limits) };
}

async function read(log: LogFile, from = 0): Promise<ChannelData[]> {
  const chunks: ChannelData[] = [];
  for await (const chunk of readLog(log, from, new AbortController().signal)) chunks.push(chunk);
  return chunks;
}

const textOf = (chunks: readonly ChannelData[]): string => chunks.map(({ data }) => data.toString()).join('');

t.test('offsets count every byte that was ever written', async (t) => {
  const { file, log } = logIn(t);
  // As a node holds it: opened once, to append.
  const writer = openSync(file, 'a');
  t.teardown(() => closeSync(writer));
  let written = '';
  for (let round = 0; round < 5; round++) {
    const text = `${String(round).repeat(119)}\n`;
    written += text;
    writeSync(writer, text);
    t.ok(log.rotateIfNeeded(), 'larger than allowed');
    t.equal(statSync(file).size, 0);
  }
  writeSync(writer, 'end\n');
  written += 'end\n';
  t.notOk(log.rotateIfNeeded());
  t.strictSame(log.segments().map(({ start, sizeBytes }) => [start, sizeBytes]), [[360, 120], [480, 120], [600, 4]], 'two older files are kept');
  t.notOk(existsSync(`${file}.3`));
  t.equal(textOf(await read(log, 400)), written.slice(400));
  const [first] = await read(log, 10);
  t.match(first, { offset: 360n, lostBytes: 350n }, 'a gap is told');
  t.strictSame(await read(log, 604), []);
  t.equal(textOf(await read(new LogFile(file, { fileBytes: 100, files: 3 }), 590)), written.slice(590), 'the next agent reads the same');
});

t.test('the last lines, over the border of two files', async (t) => {
  const { file, log } = logIn(t, { fileBytes: 4, files: 3 });
  appendFileSync(file, 'one\ntwo\n');
  log.rotate();
  appendFileSync(file, 'three\nfo');
  t.equal(textOf(await read(log, tailOffset(log.segments(), 1))), 'fo');
  t.equal(textOf(await read(log, tailOffset(log.segments(), 3))), 'two\nthree\nfo');
  t.equal(textOf(await read(log, tailOffset(log.segments(), 100))), 'one\ntwo\nthree\nfo');
  t.equal(textOf(await read(log, tailOffset(log.segments(), 0))), '');
  appendFileSync(file, '\n');
  t.equal(textOf(await read(log, tailOffset(log.segments(), 1))), 'fo\n', 'the end of the last line begins no other');
});

t.test('a rotation that was cut short is finished, losing and doubling nothing', async (t) => {
  const { file, log } = logIn(t);
  appendFileSync(file, 'a'.repeat(120));
  // Killed after the copy was noted, before the file was emptied; then the node wrote on.
  writeFileSync(`${file}.1`, 'a'.repeat(120));
  writeFileSync(`${file}.json`, JSON.stringify({ start: 0, older: [120], copied: 120 }));
  appendFileSync(file, 'bcd');
  t.equal(textOf(await read(log)), `${'a'.repeat(120)}bcd`);
  log.rotate();
  t.equal(readFileSync(`${file}.1`, 'utf8'), `${'a'.repeat(120)}bcd`);
  t.equal(textOf(await read(log)), `${'a'.repeat(120)}bcd`);
  t.strictSame(log.segments().map(({ start, sizeBytes }) => [start, sizeBytes]), [[0, 123], [123, 0]]);
});

t.test('following goes on over a rotation', async (t) => {
  const { file, log } = logIn(t);
  const source = { name: 'stdout', modifiedMs: 0, segments: () => log.segments(), offsetAt: () => undefined };
  const cursor = new LogCursor(0, false, undefined);
  appendFileSync(file, 'one\n');
  t.equal(String(cursor.next(source)?.data), 'one\n');
  t.equal(cursor.next(source), undefined, 'nothing more for now');
  appendFileSync(file, 'two\n');
  log.rotate();
  appendFileSync(file, 'three\n');
  t.equal(String(cursor.next(source)?.data), 'two\n', 'the rest of the file before');
  t.equal(String(cursor.next(source)?.data), 'three\n', 'and the one after it');
});

t.test('large output comes in pieces', async (t) => {
  const { file, log } = logIn(t, { fileBytes: 1e9, files: 2 });
  appendFileSync(file, 'x'.repeat(100_000));
  const chunks = await read(log);
  t.strictSame(chunks.map(({ offset, data }) => [Number(offset), data.length]), [[0, 32_768], [32_768, 32_768], [65_536, 32_768], [98_304, 1_696]]);
});

t.test('where blocks can be given back nothing is copied, and no byte is lost while it is written', async (t) => {
  const directory = t.testdir({ 'stdout.log': '' });
  if (!(await canFreeBytes(directory))) return t.comment('this file system cannot give blocks back');
  const file = join(directory, 'stdout.log');
  const log = new LogFile(file, { fileBytes: 64 * 1024, files: 2 });
  const writer = openSync(file, 'a');
  t.teardown(() => closeSync(writer));
  let written = '';
  let freed = 0;
  for (let line = 0; line < 40_000; line++) {
    const text = `line ${line}\n`;
    written += text;
    writeSync(writer, text);
    if (line % 1000 === 0 && (await log.freeIfNeeded())) freed++;
  }
  t.ok(freed > 1, 'it was freed while it was written');
  const [first] = log.segments();
  t.ok(first!.sizeBytes < 4 * 64 * 1024, 'and is bounded');
  t.ok(statSync(file).blocks * 512 < 4 * 64 * 1024, 'on the disk too');
  const chunks = await read(log);
  t.equal(textOf(chunks), written.slice(first!.start));
  t.equal(Number(chunks[0]!.lostBytes), first!.start, 'what is no longer kept is counted');
  t.equal(textOf(await read(new LogFile(file), written.length - 5)), written.slice(-5), 'the next agent reads on');
});
