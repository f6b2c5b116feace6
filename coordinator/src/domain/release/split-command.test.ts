import fc from 'fast-check';
import { quote } from 'shell-quote';
import t from 'tap';
import { splitCommand } from './split-command.js';

t.test('words are split as a shell splits them', (t) => {
  const cases: [string, string[]][] = [
    ['bin/riak start', ['bin/riak', 'start']],
    ['  bin/run\t-x  1 ', ['bin/run', '-x', '1']],
    [`run 'a b' "c d" e\\ f`, ['run', 'a b', 'c d', 'e f']],
    [`run ''`, ['run', '']],
    [`run a'b'"c"d`, ['run', 'abcd']],
    [`run "a\\"b\\\\c\\d"`, ['run', 'a"b\\c\\d']],
    [`run '$HOME; * # | x'`, ['run', '$HOME; * # | x']],
    [`run \\$HOME`, ['run', '$HOME']],
    ['run --port={{node.port.http}}', ['run', '--port={{node.port.http}}']],
    ['run {{#shellWord}}{{node.name}}{{/shellWord}}', ['run', '{{#shellWord}}{{node.name}}{{/shellWord}}']],
    ['', []],
  ];
  for (const [text, words] of cases) t.strictSame(splitCommand(text), words, JSON.stringify(text));
  t.end();
});

t.test('what only a shell could do is refused', (t) => {
  const texts = ['run $HOME', 'run "$HOME"', 'run `id`', 'run "`id`"', 'a | b', 'a && b', 'a; b', 'run > log', 'run < in', 'run *.txt', 'run a?', 'run [ab]', 'run ~', 'run # x', '(run)', 'a\nb', "run 'a", 'run "a', 'run \\', 'run \0'];
  for (const text of texts) t.throws(() => splitCommand(text, 'start'), { code: 'WO_MANIFEST_INVALID', message: /^start cannot be split/ }, JSON.stringify(text));
  t.end();
});

t.test('what a shell quoter has quoted comes back as it was', (t) => {
  // The quoter writes a line feed and "!" in ways that not every shell reads; neither belongs into a command line here.
  const word = fc.string({ maxLength: 20 }).filter((text) => text !== '' && !/[\n!\0]/.test(text));
  fc.assert(fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
    t.strictSame(splitCommand(quote(words)), words);
  }), { numRuns: 300 });
  t.end();
});
