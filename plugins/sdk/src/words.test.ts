import { execFileSync } from 'node:child_process';
import t from 'tap';
import { words } from './words.js';

const cases: readonly string[] = [
  '', '   ', 'bin/bootstrap', 'bin/bootstrap  --fast\tnow', "one 'two three' four", 'a"b c"d', "''", '"" x', 'a\\ b', '"a\\"b" \'a"b\'',
  '"a\\b"', "'a\\b'", 'a\\\nb', '"a\\\nb"', 'a\nb', "'it'\"'\"'s'", '"\\$HOME"',
];

t.test('words are those of a shell that expands nothing', async (t) => {
  for (const text of cases) {
    // What the shell itself makes of it, each word in brackets.
    const shell = text.trim() === '' ? '' : execFileSync('/bin/sh', ['-c', `printf '[%s]' ${text.replaceAll('\n', text.includes('\\\n') ? '\n' : ' ')}`], { encoding: 'utf8' });
    t.equal(words(text).map((word) => `[${word}]`).join(''), shell, `words of ${JSON.stringify(text)}`);
  }
});

t.test('nothing is expanded and no character starts a shell', async (t) => {
  t.strictSame(words('echo $HOME *.txt `id` $(id) a;b && c | d > e ~ #x'), ['echo', '$HOME', '*.txt', '`id`', '$(id)', 'a;b', '&&', 'c', '|', 'd', '>', 'e', '~', '#x']);
});

t.test('what is not closed is refused', async (t) => {
  t.throws(() => words("echo 'a"), { message: 'has an open quote at character 6' });
  t.throws(() => words('echo "a'), { message: 'has an open quote at character 6' });
  t.throws(() => words('echo a\\'), { message: 'ends in a backslash' });
});
