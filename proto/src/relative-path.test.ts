import t from 'tap';
import { relativeParts } from './relative-path.js';

t.test('only what leads downwards is a path', (t) => {
  t.same(relativeParts('a/b c/..d/\u00fc\n'), ['a', 'b c', '..d', '\u00fc\n']);
  for (const path of ['', '/', '/etc', 'a/', 'a//b', '.', './a', '..', '../a', 'a/../b', 'a/..', 'a\0b', 'x'.repeat(256), `${'d/'.repeat(40)}x`]) t.equal(relativeParts(path), undefined, JSON.stringify(path));
  t.end();
});
