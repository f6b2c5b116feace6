import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemClock } from '@wombat/proto';
import t, { type Test } from 'tap';
import { encodeLine, headerLine } from './journal-lines.js';
import { LineJournal, type LoadedJournal } from './line-journal.js';

type Entry = { readonly n: number } | { readonly text: string };

function read(value: unknown): Entry {
  if (typeof value !== 'object' || value === null || !('n' in value || 'text' in value)) throw new Error('no entry');
  return value as Entry;
}

function journalAt(t: Test, file: string): LineJournal<Entry> {
  const journal = new LineJournal({ file, clock: systemClock, version: 1, read });
  t.teardown(() => journal.close());
  return journal;
}

async function journalIn(t: Test): Promise<{ file: string; journal: LineJournal<Entry> }> {
  const file = join(t.testdir(), 'deep', 'x.journal');
  const journal = journalAt(t, file);
  t.match(await journal.open(), { isNew: true, damage: undefined, entries: [] });
  return { file, journal };
}

async function entriesOf(t: Test, file: string): Promise<LoadedJournal<Entry>> {
  const again = journalAt(t, file);
  const loaded = await again.open();
  await again.close();
  return loaded;
}

const asideOf = (file: string): string[] => readdirSync(dirname(file)).filter((name) => name.includes('.damaged-')).sort();

t.test('what was appended is there again, in order and in any script', async (t) => {
  const { file, journal } = await journalIn(t);
  await Promise.all([journal.append([{ n: 1 }, { n: 2 }], { durable: true }), journal.append([{ text: 'é∑🦫\n"' }], { durable: false })]);
  t.equal(statSync(file).mode & 0o777, 0o600, 'nobody else reads the secrets in it');
  t.strictSame(await entriesOf(t, file), { entries: [{ n: 1 }, { n: 2 }, { text: 'é∑🦫\n"' }], isNew: false, damage: undefined });
});

t.test('whatever becomes of the file, the journal opens, says what is wrong, keeps the file, and is sound from then on', async (t) => {
  const lines = `${headerLine(1)}${[1, 2, 3].map((n) => encodeLine({ n })).join('')}`;
  const cases: readonly (readonly [what: string, text: string, entries: readonly number[], reason: RegExp])[] = [
    ['a flipped byte', lines.replace('"n":2', '"n":7'), [1, 3], /^1 of its 4 lines cannot be read$/],
    ['a cut tail', lines.slice(0, -4), [1, 2], /^its last line was cut short$/],
    ['a flipped byte and a cut tail', lines.replace('"n":2', '"n":7').slice(0, -4), [1], /cannot be read, its last line was cut short/],
    ['nothing in it', '', [], /^it is empty$/],
    ['garbage', '\u0000\u00ff\u0001garbage\n\n\u0000', [], /beginning is missing/],
    ['a lost beginning', lines.slice(headerLine(1).length), [1, 2, 3], /^its beginning is missing$/],
    ['another version', lines.replace(headerLine(1), headerLine(2)), [], /^it is of version 2, this agent writes version 1$/],
    ['what is no entry', `${lines}${encodeLine({ m: 1 })}${encodeLine(null)}`, [1, 2, 3], /^2 of its 6 lines cannot be read$/],
  ];
  for (const [what, text, entries, reason] of cases) {
    await t.test(what, async (t) => {
      const file = join(t.testdir(), 'x.journal');
      writeFileSync(file, text, 'latin1');
      const loaded = await entriesOf(t, file);
      t.strictSame(loaded.entries, entries.map((n) => ({ n })), 'what can be read is used');
      t.match(loaded.damage, { journal: 'x.journal', reason }, 'and the rest is told');
      t.equal(readFileSync(join(dirname(file), loaded.damage!.keptAs), 'latin1'), text, 'the file is kept as it was');
      t.strictSame(await entriesOf(t, file), { entries: loaded.entries, isNew: false, damage: undefined }, 'once only');
    });
  }
});

t.test('what cannot be read at all is moved away, and only the newest are kept', async (t) => {
  const file = join(t.testdir(), 'x.journal');
  for (let round = 0; round < 5; round++) {
    mkdirSync(file);
    const journal = new LineJournal({ file, clock: { ...systemClock, now: () => 1_000 + round }, version: 1, read });
    t.match(await journal.open(), { entries: [], isNew: false, damage: { keptAs: `x.journal.damaged-${1_000 + round}`, reason: /EISDIR/ } });
    await journal.append([{ n: round }], { durable: true });
    await journal.close();
    t.strictSame((await entriesOf(t, file)).entries, [{ n: round }]);
    if (round < 4) rmSync(file);
  }
  t.strictSame(asideOf(file), ['x.journal.damaged-1002', 'x.journal.damaged-1003', 'x.journal.damaged-1004']);
  truncateSync(file, 300 * 1024 * 1024);
  t.match((await entriesOf(t, file)).damage?.reason, /it has 314572800 bytes/, 'nor is something huge read into memory');
});

t.test('every cut and every flipped byte leaves a journal that opens', async (t) => {
  const { file, journal } = await journalIn(t);
  await journal.append([{ n: 1 }, { n: 2 }], { durable: false });
  const bytes = readFileSync(file);
  for (let at = 0; at < bytes.length; at++) {
    for (const damage of [bytes.subarray(0, at), Buffer.concat([bytes.subarray(0, at), Buffer.from([bytes[at]! ^ 0x81]), bytes.subarray(at + 1)])]) {
      writeFileSync(file, damage);
      const again = new LineJournal({ file, clock: systemClock, version: 1, read });
      const { entries, damage: told } = await again.open();
      await again.close();
      const isPrefixOrPart = /^\[(\{"n":1\})?,?(\{"n":2\})?\]$/.test(JSON.stringify(entries));
      if (!isPrefixOrPart) t.fail(`after damage at ${at} it holds ${JSON.stringify(entries)}`);
      const isWhole = entries.length === 2 || damage.toString().endsWith('\n');
      if (!told && !isWhole) t.fail(`nothing is told of damage at ${at}`);
    }
  }
  t.pass(`${bytes.length} positions`);
});

t.test('a compaction keeps what is appended meanwhile', async (t) => {
  const { file, journal } = await journalIn(t);
  const kept: Entry[] = [];
  const work: Promise<void>[] = [];
  for (let n = 0; n < 50; n++) {
    kept.push({ n });
    work.push(journal.append([{ n }], { durable: n % 7 === 0 }));
    if (n % 10 === 0) work.push(journal.rewrite(() => [...kept]));
  }
  await Promise.all(work);
  const numbers = new Set((await entriesOf(t, file)).entries.map((entry) => (entry as { n: number }).n));
  t.strictSame([...numbers].sort((a, b) => a - b), kept.map((entry) => (entry as { n: number }).n));
  t.strictSame(readdirSync(join(file, '..')).filter((name) => name.endsWith('.new')), []);
});

t.test('what is superseded never takes more than a part of a megabyte', async (t) => {
  const { file, journal } = await journalIn(t);
  let largest = 0;
  const text = 'x'.repeat(8_000);
  for (let n = 0; n < 200; n++) {
    await journal.append([{ text }], { durable: false });
    await journal.compactWhenGrown(() => [{ n }, { text }]);
    largest = Math.max(largest, statSync(file).size);
  }
  t.ok(largest < 512 * 1024, `at most ${largest} bytes for 1.6 MB that were written`);
  t.match((await entriesOf(t, file)).entries.at(-1), { text });
});

t.test('after the end nothing is written any more', async (t) => {
  const { file, journal } = await journalIn(t);
  await journal.append([{ n: 1 }], { durable: false });
  await journal.close();
  await t.rejects(journal.append([{ n: 3 }], { durable: false }), { code: 'WO_UNAVAILABLE' });
  t.ok(existsSync(file));
});
