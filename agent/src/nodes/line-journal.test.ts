import { appendFileSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@wombat/proto';
import t, { type Test } from 'tap';
import { LineJournal } from './line-journal.js';

async function journalIn(t: Test, text?: string): Promise<{ file: string; journal: LineJournal }> {
  const file = join(t.testdir(), 'deep', 'x.journal');
  const journal = new LineJournal({ file, clock: systemClock });
  t.teardown(() => journal.close());
  await journal.open();
  if (text !== undefined) writeFileSync(file, text, 'latin1');
  return { file, journal };
}

async function entriesOf(t: Test, file: string): Promise<{ entries: readonly unknown[]; quarantine: string | undefined }> {
  const again = new LineJournal({ file, clock: systemClock });
  t.teardown(() => again.close());
  return again.open();
}

t.test('what was appended is there again, in order and in any script', async (t) => {
  const { file, journal } = await journalIn(t);
  await Promise.all([journal.append([{ n: 1 }, { n: 2 }], { durable: true }), journal.append([{ text: 'é∑🦫\n"' }], { durable: false })]);
  t.equal(statSync(file).mode & 0o777, 0o600, 'nobody else reads the secrets in it');
  t.match(await entriesOf(t, file), { entries: [{ n: 1 }, { n: 2 }, { text: 'é∑🦫\n"' }], quarantine: undefined });
});

t.test('a cut tail and flipped bytes are put aside', async (t) => {
  const { file, journal } = await journalIn(t);
  await journal.append([{ n: 1 }, { n: 2 }, { n: 3 }], { durable: true });
  const text = readFileSync(file, 'latin1');
  writeFileSync(file, text.replace('"n":2', '"n":7').slice(0, -4), 'latin1');
  const { entries, quarantine } = await entriesOf(t, file);
  t.strictSame(entries, [{ n: 1 }]);
  const aside = readFileSync(quarantine!, 'latin1');
  t.match(aside, '"n":7');
  t.equal(aside.split('\n').length, 2, 'and the line that was cut');
  t.match(await entriesOf(t, file), { entries: [{ n: 1 }], quarantine: undefined }, 'once only');
});

t.test('every cut and every flipped byte leaves a journal that opens', async (t) => {
  const { file, journal } = await journalIn(t);
  await journal.append([{ n: 1 }, { n: 2 }], { durable: false });
  const bytes = readFileSync(file);
  for (let at = 0; at < bytes.length; at++) {
    for (const damage of [bytes.subarray(0, at), Buffer.concat([bytes.subarray(0, at), Buffer.from([bytes[at]! ^ 0x81]), bytes.subarray(at + 1)])]) {
      writeFileSync(file, damage);
      const again = new LineJournal({ file, clock: systemClock });
      const { entries } = await again.open();
      await again.close();
      const isPrefixOrPart = JSON.stringify(entries).match(/^\[(\{"n":1\})?,?(\{"n":2\})?\]$/);
      if (!isPrefixOrPart) t.fail(`after damage at ${at} it holds ${JSON.stringify(entries)}`);
    }
  }
  t.pass(`${bytes.length} positions`);
});

t.test('a compaction keeps what is appended meanwhile', async (t) => {
  const { file, journal } = await journalIn(t);
  const kept: unknown[] = [];
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

t.test('half a line that a failed write left does not spoil the next', async (t) => {
  const { file, journal } = await journalIn(t);
  await journal.append([{ n: 1 }], { durable: false });
  appendFileSync(file, 'half a li');
  appendFileSync(file, '\n');
  await journal.append([{ n: 2 }], { durable: false });
  t.match((await entriesOf(t, file)).entries, [{ n: 1 }, { n: 2 }]);
  await journal.close();
  await t.rejects(journal.append([{ n: 3 }], { durable: false }), { code: 'WO_UNAVAILABLE' });
});
