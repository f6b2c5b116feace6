import t from 'tap';
import { pageScript } from '../support/page-script.js';

t.test('a page as a script: only shell blocks, each line where it stands', async (t) => {
  const page = ['# Page', '```', 'one', '```', '```toml', 'x = 1', '```', '<!-- run: until it`s up -->', '', '```sh', 'two', '```', '<!-- run: not, it is slow -->', '```', 'three', '```', ''];
  const lines = pageScript(page.join('\n')).split('\n');
  t.equal(lines.length, page.length);
  t.strictSame([lines[2], lines[5], lines[9], lines[10], lines[14]], ['one', '', '{', 'two', ''], 'foreground, other language, terminal of its own, left out');
  t.match(lines[11], /^\} >.* & until_written .* 'it`s up'$/);
});
