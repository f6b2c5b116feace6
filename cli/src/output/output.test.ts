import stringWidth from 'string-width';
import t from 'tap';
import { cut } from './cut.js';
import { colourChoiceIn, coloursFor, type ColourChoice } from '../terminal/colours.js';
import { Captured } from '../testing/fake-io.js';
import { errorBlock } from './error-block.js';
import { LineSplitter } from './line-splitter.js';
import { sanitise, sanitiseLines } from './sanitise.js';
import { fields, table, type Column } from './table.js';
import { brief, elapsed, relative } from './time.js';
import { bytes, count, word } from './words.js';
import { wrap } from './wrap.js';

const plain = coloursFor(new Captured(), {}, 'never');

t.test('tables are aligned by what is seen, not by characters', async (t) => {
  const columns = [{ title: 'NAME', text: (row: string[]) => row[0]! }, { title: 'X', text: (row: string[]) => row[1]! }, { title: 'LAST', text: (row: string[]) => row[2]! }];
  t.equal(table(columns, [['日本', '1', 'a'], ['e\u0301a', '22', ''], ['plain', '', 'c']]), 'NAME   X   LAST\n日本   1   a\néa     22\nplain      c'.replace('é', 'e\u0301'));
  t.equal(table(columns, []), 'NAME  X  LAST');
});

t.test('a table that is too wide leaves out optional columns, then wraps the last one', async (t) => {
  const column = (title: string, index: number, optional?: number): Column<string[]> => ({ title, text: (row) => row[index]!, ...(optional && { optional }) });
  const columns = [column('NAME', 0), column('ADDRESS', 1, 2), column('ID', 2, 1), column('WHY', 3)];
  const rows = [['web-1', '127.0.0.1', 'node-aaaaaaaaaaaa', ''], ['web-2', '127.0.0.2', 'node-bbbbbbbbbbbb', 'the process ended with exit code 3']];
  const lines = (width: number): string[] => table(columns, rows, { width }).split('\n');
  t.equal(table(columns, rows, { width: 71 }), table(columns, rows), 'as wide as needed');
  t.same(lines(52), ['NAME   ADDRESS    WHY', 'web-1  127.0.0.1', 'web-2  127.0.0.2  the process ended with exit code 3']);
  t.same(lines(50), ['NAME   ADDRESS    WHY', 'web-1  127.0.0.1', 'web-2  127.0.0.2  the process ended with exit code', '                  3']);
  t.same(lines(25), ['NAME   WHY', 'web-1', 'web-2  the process ended', '       with exit code 3']);
  t.same(lines(10), ['NAME   WHY', 'web-1', 'web-2  the process ended with exit code 3'], 'no room for wrapping');
});

t.test('wrapping keeps words whole', async (t) => {
  t.same(wrap('one two three', 7), ['one two', 'three']);
  t.same(wrap('incomprehensible it is', 8), ['incomprehensible', 'it is']);
  t.same(wrap('', 8), ['']);
});

t.test('remote text cannot speak to the terminal', async (t) => {
  t.equal(sanitise('a\x1b[31mb\rc\x07d\u009be\ttab'), 'a\\x1b[31mb\\x0dc\\x07d\\x9be\ttab');
  t.equal(sanitise('\u202egnp.exe\u2066'), '\\x202egnp.exe\\x2066', 'marks that turn the direction');
  t.equal(sanitise('żółw 🐨'), 'żółw 🐨');
  t.equal(sanitiseLines('a\r\nb\x1b'), 'a\nb\\x1b');
  t.notMatch(table([{ title: 'N', text: (x: string) => x }], ['\x1b]0;owned\x07\nline']), /\x1b|\nline/);
  t.notMatch(fields([['k', 'a\x1bb\nsecond']]), /\x1b/);
  t.notMatch(errorBlock({ code: 'WO_INTERNAL', message: 'a\x1b[2J\nb', hint: '\x1b' }, { meaning: '', colours: plain }), /\x1b/);
});

t.test('fields: several lines are indented, empty values left out', async (t) => {
  t.equal(fields([['id', 'x'], ['none', ''], ['ports', 'a\nb']]), 'id     x\nports  a\n       b');
  t.equal(fields([['id', 'x'], ['last', 'one two three four five']], { width: 22 }), 'id    x\nlast  one two three\n      four five', 'what is wide is wrapped in its column');
});

t.test('the error block has four lines', async (t) => {
  t.equal(errorBlock({ code: 'WO_NOT_FOUND', message: 'no family "x"', hint: 'list them' }, { meaning: 'No object has this id or name.', colours: plain }),
    'error WO_NOT_FOUND: no family "x"\n  why: No object has this id or name.\n  try: list them\n  see: wo explain WO_NOT_FOUND');
});

t.test('colours: the flag, NO_COLOR, FORCE_COLOR, then whether the stream is a terminal that is not dumb', async (t) => {
  const has = (isTTY: boolean, env: Record<string, string>, choice: ColourChoice = 'auto'): boolean => coloursFor(new Captured(isTTY), env, choice).red('x') !== 'x';
  t.equal(has(true, { TERM: 'xterm' }), true);
  t.equal(has(false, { TERM: 'xterm' }), false, 'no terminal');
  t.equal(has(true, { TERM: 'dumb' }), false);
  t.equal(has(true, { NO_COLOR: '1' }), false);
  t.equal(has(true, { NO_COLOR: '' }), true, 'an empty NO_COLOR says nothing');
  t.equal(has(false, { FORCE_COLOR: '1' }), true);
  t.equal(has(true, { FORCE_COLOR: '0' }), false);
  t.equal(has(false, { FORCE_COLOR: '1', NO_COLOR: '1' }), false, 'NO_COLOR wins');
  t.equal(has(true, { FORCE_COLOR: '1' }, 'never'), false, '--no-color wins over all');
  t.equal(has(false, { NO_COLOR: '1', TERM: 'dumb' }, 'always'), true, '--color=always too');
  t.same([['--no-color'], ['--color', 'always'], ['--color=never'], ['exec', 'x', '--', '--no-color'], ['--color=loud']].map(colourChoiceIn), ['never', 'always', 'never', 'auto', 'auto']);
});

t.test('times, sizes, words', async (t) => {
  const now = Date.parse('2026-01-02T03:04:05Z');
  const ago = (ms: number): string => relative(new Date(now - ms), now);
  t.same([ago(0), ago(59_999), ago(60_000), ago(7_200_000), ago(200_000_000), relative(new Date(now + 300_000), now), relative(undefined, now)], ['0s ago', '59s ago', '1m ago', '2h ago', '2d ago', 'in 5m', '']);
  t.same([brief(7.4), brief(1500)], ['7ms', '1.5s']);
  t.same([elapsed(400), elapsed(12_000), elapsed(185_000)], ['0.4s', '12.0s', '3m05s']);
  t.same([bytes(0), bytes(1023), bytes(1536n), bytes(200 * 1024 ** 3)], ['0 B', '1023 B', '1.5 KiB', '200 GiB']);
  t.same([word('NODE_PHASE_RUNNING', 'NODE_PHASE_'), word('NODE_PHASE_UNSPECIFIED', 'NODE_PHASE_'), word('UNRECOGNIZED', 'X_')], ['running', '', 'unrecognised']);
  t.same([count(1, 'node'), count(2, 'node'), count(0, 'family', 'families')], ['1 node', '2 nodes', '0 families']);
});

t.test('lines of pieces: cut anywhere, never joined wrongly, never longer than their bound', async (t) => {
  const splitter = new LineSplitter();
  const text = (lines: readonly Buffer[]): string[] => lines.map(String);
  t.same(text(splitter.push(Buffer.from('one\ntw'))), ['one']);
  t.same(text(splitter.push(Buffer.from('o\n\nthr'))), ['two', '']);
  t.same(text(splitter.end()), ['thr']);
  t.same(text(splitter.end()), []);
  const euro = Buffer.from('€\n');
  t.same([...splitter.push(euro.subarray(0, 1)), ...splitter.push(euro.subarray(1))].map(String), ['€'], 'a character in two pieces');
  const long = text(splitter.push(Buffer.from(`${'x'.repeat(40_000)}\n`)));
  t.same(long.map((line) => line.length), [16_384 + 15, 16_384 + 15, 40_000 - 2 * 16_384]);
  t.match(long[0], / \[line goes on\]$/);
});

t.test('a table at 40, 80 and 200 columns: names are cut, ids never, wide characters are measured', async (t) => {
  const columns: Column<string>[] = [
    { title: 'NAME', text: (name) => name, cut: true },
    { title: 'PHASE', text: () => 'running' },
    { title: 'HOST', text: () => 'a-host-with-a-rather-long-name-too', cut: true },
    { title: 'SINCE', text: () => '3m ago', optional: 1 },
    { title: 'ID', text: () => 'node-aaaaaaaaaaaa' },
  ];
  const name = '日本語の名前 👩‍👩‍👧 and a long end of it';
  const lines = (width?: number): string[] => table(columns, ['short', name], width === undefined ? {} : { width }).split('\n');
  for (const width of [40, 80, 200]) {
    t.same(lines(width).filter((line) => stringWidth(line) > width), [], `no line is wider than ${width}`);
    t.ok(lines(width).slice(1).every((line) => line.endsWith('node-aaaaaaaaaaaa')), `at ${width} the ids are whole`);
    t.ok(lines(width)[1]!.startsWith('short '), 'what is short stays whole');
    const starts = lines(width).map((line) => stringWidth(line.slice(0, line.search(/ID$|node-/))));
    t.equal(new Set(starts).size, 1, `at ${width} the columns are aligned`);
  }
  t.match(lines(80)[2], /…/, 'what is missing is shown to be');
  t.match(lines()[2], name, 'without a width nothing is cut');
  t.equal(cut('\u001b[31mabcdef\u001b[39m', 4), '\u001b[31mabc…\u001b[0m');
});
