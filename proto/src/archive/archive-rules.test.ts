import fc from 'fast-check';
import t from 'tap';
import { WombatError } from '../errors/wombat-error.js';
import { ArchiveRules, type ArchiveEntry, type JudgedEntry } from './archive-rules.js';

const file = (path: string, sizeBytes = 1): ArchiveEntry => ({ type: 'File', path, sizeBytes, mode: 0o644 });
const directory = (path: string): ArchiveEntry => ({ type: 'Directory', path, sizeBytes: 0, mode: 0o755 });
const link = (path: string, linkPath: string): ArchiveEntry => ({ type: 'SymbolicLink', path, linkPath, sizeBytes: 0 });
const hardLink = (path: string, linkPath: string): ArchiveEntry => ({ type: 'Link', path, linkPath, sizeBytes: 0 });

function judgeAll(entries: readonly ArchiveEntry[], rules = new ArchiveRules()): (JudgedEntry | undefined)[] {
  return entries.map((entry) => rules.judge(entry));
}

function summary(...entries: readonly ArchiveEntry[]): ReturnType<ArchiveRules['finish']> {
  const rules = new ArchiveRules();
  judgeAll(entries, rules);
  return rules.finish();
}

t.test('what is allowed comes out with a clean path', (t) => {
  t.strictSame(
    judgeAll([
      directory('./'),
      directory('./bin/'),
      { type: 'File', path: './bin/run', sizeBytes: 3, mode: 0o100755 },
      file('lib//a/x.beam', 2),
      link('lib/b', 'a/./x.beam'),
      link('bin/up', '../lib/a'),
      link('here', '.'),
      hardLink('bin/again', './bin/run'),
    ]),
    [
      undefined,
      { kind: 'directory', path: 'bin' },
      { kind: 'file', path: 'bin/run', sizeBytes: 3, executable: true },
      { kind: 'file', path: 'lib/a/x.beam', sizeBytes: 2, executable: false },
      { kind: 'symbolicLink', path: 'lib/b', target: 'a/x.beam' },
      { kind: 'symbolicLink', path: 'bin/up', target: '../lib/a' },
      { kind: 'symbolicLink', path: 'here', target: '.' },
      { kind: 'hardLink', path: 'bin/again', target: 'bin/run', sizeBytes: 3, executable: true },
    ],
  );
  t.end();
});

const refused: readonly [string, RegExp, ...ArchiveEntry[]][] = [
  ['climbs', /"\.\."/, file('../x')],
  ['climbs in the middle', /"\.\."/, file('a/../../x')],
  ['is absolute', /absolute/, file('/etc/passwd')],
  ['has a drive letter', /drive/, file('C:x')],
  ['has backslashes', /backslash/, file('..\\x')],
  ['holds NUL', /NUL/, file('a\0b')],
  ['holds a line feed', /control/, file('a\nb')],
  ['is no UTF-8', /UTF-8/, file('a\ufffd')],
  ['has no name', /no name/, file('./')],
  ['has a long name', /255/, file('n'.repeat(256))],
  ['has a long name in bytes', /255/, file('é'.repeat(128))],
  ['has a long path', /4096/, file(Array<string>(30).fill('p'.repeat(200)).join('/'))],
  ['lies deep', /40 folders/, file(Array<string>(41).fill('d').join('/'))],
  ['is a device', /CharacterDevice/, { type: 'CharacterDevice', path: 'dev' }],
  ['is a block device', /BlockDevice/, { type: 'BlockDevice', path: 'dev' }],
  ['is a pipe', /FIFO/, { type: 'FIFO', path: 'pipe' }],
  ['has no size', /size/, { type: 'File', path: 'a' }],
  ['has a negative size', /size/, file('a', -1)],
  ['has an endless size', /size/, file('a', Infinity)],
  ['comes twice', /twice/, file('a'), file('./a')],
  ['is a file and a folder', /below the file/, file('a'), file('a/b')],
  ['is a folder and a file', /twice/, file('a/b'), file('a')],
  ['differs in case', /only in case/, file('a/Readme'), file('a/README')],
  ['differs in the case of its folder', /only in case/, file('Lib/a'), file('lib/b')],
  ['differs in Unicode', /Unicode/, file('\u00e9'), file('e\u0301')],
  ['is a link out', /out of the release/, link('a', '../x')],
  ['is a link out from below', /out of the release/, link('a/b', '../../x')],
  ['is an absolute link', /absolute/, link('a', '/etc')],
  ['is a link that climbs late', /after a name/, link('deep/down/s', '../../a'), link('deep/down/y', 's/../..')],
  ['is a link without target', /without a target/, link('a', '')],
  ['is a link with contents', /contents/, { type: 'SymbolicLink', path: 'a', linkPath: 'b', sizeBytes: 5 }],
  ['is written through a link', /through the link/, directory('a/'), link('l', 'a'), file('l/x')],
  ['is written over a link', /twice/, link('l', 'a'), file('l')],
  ['is a folder over a link', /twice/, link('l', 'a'), directory('l')],
  ['is a hard link out', /\.\./, hardLink('a', '../x')],
  ['is a hard link to nothing', /no earlier/, hardLink('a', 'b')],
  ['is a hard link to a later file', /no earlier/, hardLink('a', 'b'), file('b')],
  ['is a hard link to a link', /no earlier/, link('l', 'x'), hardLink('a', 'l')],
  ['is a hard link to a folder', /no earlier/, directory('d'), hardLink('a', 'd')],
];
for (const [what, reason, ...entries] of refused) {
  t.test(`an entry that ${what} is refused by name`, (t) => {
    t.throws(() => judgeAll(entries), { code: 'WO_ARCHIVE_REFUSED', message: reason, details: { entry: String } });
    t.end();
  });
}

t.test('a single folder around everything is left away', (t) => {
  t.equal(summary(directory('app/'), file('app/start.sh')).topFolder, 'app');
  t.equal(summary(file('./app-1.0/bin/run'), file('./app-1.0/lib/x')).topFolder, 'app-1.0', 'also when no entry announces it');
  t.equal(summary(file('bin/run')).topFolder, '', 'bin/ is the release, not a wrapping');
  t.equal(summary(file('erts-13.1.5/bin/beam')).topFolder, '', 'erts is no wrapping');
  t.equal(summary(file('run')).topFolder, '', 'a file is no folder');
  t.equal(summary(file('app/run'), file('README')).topFolder, '', 'two entries at the top');
  t.equal(summary(file('app/x/y'), link('app/l', 'x/y'), link('app/x/up', '../x')).topFolder, 'app', 'links inside the folder');
  t.throws(() => summary(file('app/x'), link('app/l', '../app/x')), { code: 'WO_ARCHIVE_REFUSED', message: /leaves the folder app/ });
  t.end();
});

t.test('counts and sizes are limited', (t) => {
  t.strictSame(summary(file('a/b/c', 10), hardLink('d', 'a/b/c')), { topFolder: '', entryCount: 4, fileCount: 2, expandedBytes: 20 });
  t.throws(() => summary(directory('a')), { code: 'WO_ARCHIVE_INVALID' }, 'no file at all');
  const rules = new ArchiveRules({ archiveEntries: 3, expandedBytes: 100 });
  rules.judge(file('a/b/c', 60));
  t.throws(() => rules.judge(file('d')), { message: /more than 3 entries/ }, 'folders on the way count');
  const small = new ArchiveRules({ archiveEntries: 10, expandedBytes: 100 });
  small.judge(file('a', 60));
  t.throws(() => small.judge(hardLink('b', 'a')), { message: /larger than 100 bytes/ }, 'hard links count as copies');
  t.end();
});

const name = fc.constantFrom('a', 'b', 'A', 'l', '..', '.', '', 'é', 'x'.repeat(10), '\0', 'C:', '\\');
const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => names.join('/'));
const anyEntry: fc.Arbitrary<ArchiveEntry> = fc.oneof(
  fc.record({ type: fc.constantFrom('File', 'Directory', 'FIFO'), path, sizeBytes: fc.nat(10) }),
  fc.record({ type: fc.constantFrom('SymbolicLink', 'Link'), path, linkPath: path, sizeBytes: fc.constant(0) }),
);

/** A file system in memory that follows links as a kernel does. */
class ModelTree {
  readonly links = new Map<string, string>();

  /** Where a path leads, or 'out'. */
  resolve(start: readonly string[], path: string, hops = 0): string[] | 'out' | 'loop' {
    if (hops > 30) return 'loop';
    let at = [...start];
    for (const segment of path.split('/').filter((part) => part !== '' && part !== '.')) {
      if (segment === '..') {
        if (at.pop() === undefined) return 'out';
        continue;
      }
      at.push(segment);
      const target = this.links.get(at.join('/'));
      if (target === undefined) continue;
      const next = this.resolve(at.slice(0, -1), target, hops + 1);
      if (typeof next === 'string') return next;
      at = next;
    }
    return at;
  }
}

t.test('whatever the entries, nothing that is let through leads out', (t) => {
  fc.assert(
    fc.property(fc.array(anyEntry, { maxLength: 12 }), (entries) => {
      const rules = new ArchiveRules();
      const tree = new ModelTree();
      const written: JudgedEntry[] = [];
      for (const entry of entries) {
        try {
          const judged = rules.judge(entry);
          if (!judged) continue;
          // What the kernel would do at this moment: a parent must not be a link.
          const parent = judged.path.split('/').slice(0, -1).join('/');
          if (tree.resolve([], parent) === 'out' || String(tree.resolve([], parent)) !== String(parent.split('/').filter(Boolean))) return false;
          if (judged.kind === 'symbolicLink') tree.links.set(judged.path, judged.target);
          written.push(judged);
        } catch (error) {
          if (!WombatError.is(error)) throw error;
        }
      }
      return written.every((judged) => tree.resolve([], judged.path) !== 'out');
    }),
    { numRuns: 3_000 },
  );
  t.end();
});

t.test('any text as a path is either refused or clean', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      try {
        const judged = new ArchiveRules().judge(file(text));
        const segments = judged?.path.split('/') ?? [];
        return segments.every((segment) => segment !== '' && segment !== '.' && segment !== '..' && !/[\0-\x1f\\]/.test(segment));
      } catch (error) {
        return WombatError.is(error) && error.code === 'WO_ARCHIVE_REFUSED';
      }
    }),
    { numRuns: 2_000 },
  );
  t.end();
});
