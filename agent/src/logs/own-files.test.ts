import { appendFileSync, copyFileSync, existsSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { endOf } from './log-segment.js';
import { OwnFiles } from './own-files.js';
import { readSegments } from './read-segments.js';

function setting(t: Test): { root: string; data: string; logs: string; own: () => OwnFiles } {
  const directory = t.testdir({ root: { log: {} }, data: {}, logs: {}, 'secret.log': 'of somebody else' });
  const [root, data, logs] = ['root', 'data', 'logs'].map((name) => join(directory, name)) as [string, string, string];
  return { root, data, logs, own: () => new OwnFiles(logs, { root, data }) };
}

/** All that is kept of a log, and where it is torn. */
function textOf(own: OwnFiles, name: string): string {
  const log = own.logs.find((each) => each.name === name);
  if (!log) return `(no ${name})`;
  const segments = own.segments(log);
  let text = '';
  for (let offset = 0; offset < endOf(segments); ) {
    const bytes = readSegments(segments, offset, 1000);
    if (!bytes) break;
    text += `${bytes.torn ? '~' : ''}${bytes.lostBytes > 0 ? `<${bytes.lostBytes}>` : ''}${String(bytes.data)}`;
    offset = bytes.offset + bytes.data.length;
  }
  return text;
}

const globs = ['log/*.log'];

t.test('a log that is renamed, however often, is read on', async (t) => {
  const { root, own } = setting(t);
  const file = join(root, 'log/a.log');
  const files = own();
  writeFileSync(file, 'one ');
  files.look(0, globs);
  appendFileSync(file, 'two ');
  renameSync(file, `${file}.1`);
  writeFileSync(file, 'three ');
  files.look(1, globs);
  t.equal(textOf(files, 'log/a.log'), 'one two three ');
  renameSync(`${file}.1`, `${file}.2`);
  renameSync(file, `${file}.1`);
  writeFileSync(file, 'four ');
  renameSync(file, `${file}.0`);
  writeFileSync(file, 'five');
  files.look(2, globs);
  t.equal(textOf(files, 'log/a.log'), 'one two three four five', 'also the one that came and went between two looks');
  t.equal(textOf(own(), 'log/a.log'), 'one two three four five', 'the next agent knows it');
  t.strictSame(files.logs.map(({ name }) => name), ['log/a.log'], 'what it was renamed to is no other log');
});

t.test('a log whose rotated files match too is told once', async (t) => {
  const { root, own } = setting(t);
  const file = join(root, 'log/a.log');
  writeFileSync(`${file}.1`, 'older ');
  writeFileSync(file, 'one ');
  const files = own();
  files.look(0, ['log/*']);
  renameSync(`${file}.1`, `${file}.2`);
  renameSync(file, `${file}.1`);
  writeFileSync(file, 'two');
  files.look(1, ['log/*']);
  t.equal(textOf(files, 'log/a.log'), 'one two');
  t.equal(textOf(files, 'log/a.log.1'), 'older ');
  t.equal(textOf(files, 'log/a.log.2'), '(no log/a.log.2)');
});

t.test('emptied, replaced, gone and come again: offsets grow, and what may be missing is said', async (t) => {
  const { root, own } = setting(t);
  const file = join(root, 'log/a.log');
  writeFileSync(file, 'abcdef');
  const files = own();
  files.look(0, globs);
  copyFileSync(file, join(root, 'log/a.old'));
  truncateSync(file, 0);
  appendFileSync(file, 'gh');
  files.look(1, globs);
  t.equal(textOf(files, 'log/a.log'), '~<6>gh');
  rmSync(file);
  files.look(2, globs);
  t.equal(textOf(files, 'log/a.log'), '');
  writeFileSync(file, 'ij');
  files.look(3_000, globs);
  t.equal(textOf(files, 'log/a.log'), '~<8>ij');
  truncateSync(file, 0);
  appendFileSync(file, 'k');
  const next = own();
  next.look(4_000, globs);
  t.equal(textOf(next, 'log/a.log'), '~<10>k', 'also when no agent was there to see it');
});

t.test('nothing outside of the node is read, whatever it puts in the way', async (t) => {
  const { root, data, own } = setting(t);
  const secret = join(root, '../secret.log');
  symlinkSync(secret, join(root, 'log/link.log'));
  linkSync(secret, join(root, 'log/hard.log'));
  symlinkSync(join(root, '..'), join(root, 'up'));
  writeFileSync(join(root, 'log/bad\nname.log'), 'x');
  writeFileSync(join(data, 'd.log'), 'data');
  const files = own();
  files.look(0, ['log/*.log', 'up/*.log', '../*.log', '**/*.log', '/etc/passwd', '{{node.dataDir}}/*.log', '{{node.dataDir}}/../*.log']);
  t.strictSame(files.logs.map(({ name }) => name), ['data:d.log']);
  t.equal(textOf(files, 'data:d.log'), 'data');

  writeFileSync(join(root, 'log/real.log'), 'mine');
  files.look(1);
  const log = files.logs.find(({ name }) => name === 'log/real.log')!;
  renameSync(join(root, 'log'), join(root, 'log2'));
  mkdirSync(join(root, '../elsewhere'));
  writeFileSync(join(root, '../elsewhere/real.log'), 'of somebody else');
  symlinkSync(join(root, '../elsewhere'), join(root, 'log'));
  t.throws(() => files.segments(log)[0]!.open(), 'a directory that became a link is not walked through');
});

t.test('a bounded number of files, those written last', async (t) => {
  const { root, own } = setting(t);
  for (let index = 0; index < 70; index++) writeFileSync(join(root, `log/${String(index).padStart(2, '0')}.log`), 'x');
  const files = own();
  files.look(0, globs);
  t.equal(files.logs.length, 64);
  t.equal(files.omitted, 6, 'and how many are left out is known');
});

t.test('files are kept when the node goes, the last bytes of large ones', async (t) => {
  const { root, data, logs, own } = setting(t);
  writeFileSync(join(root, 'log/a.log'), 'small');
  writeFileSync(join(root, 'log/b.log'), 'x'.repeat(50) + 'y'.repeat(50));
  writeFileSync(join(data, 'c.log'), 'in the data directory');
  const files = own();
  files.look(0, [...globs, '{{node.dataDir}}/*.log']);
  files.preserve(1, { keptBytes: 50, keepData: true });
  rmSync(root, { recursive: true });
  t.notOk(existsSync(root));
  const after = new OwnFiles(logs, { data });
  t.equal(textOf(after, 'log/a.log'), 'small');
  t.equal(textOf(after, 'log/b.log'), `<50>${'y'.repeat(50)}`);
  t.equal(textOf(after, 'data:c.log'), 'in the data directory', 'what stays where it is is read there');
});
