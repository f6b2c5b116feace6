import t from 'tap';
import { Escape } from './escape.js';

/** What is sent of texts that come one after another; "<left>" at its end when one of them leaves. */
function sent(...texts: readonly string[]): string {
  const escape = new Escape();
  let all = '';
  for (const text of texts) {
    const { send, leave } = escape.read(Buffer.from(text));
    all += send.toString();
    if (leave) return `${all}<left>`;
  }
  return all;
}

t.test('~. leaves at the beginning of a line, and nowhere else', (t) => {
  t.equal(sent('~.'), '<left>', 'at the very beginning');
  t.equal(sent('ls\r~.rm'), 'ls\r<left>', 'behind a line; what follows is dropped');
  t.equal(sent('ls\n~', '.'), 'ls\n<left>', 'in two pieces');
  t.equal(sent('a~.b\r'), 'a~.b\r', 'inside a line it is sent');
  t.equal(sent('~a\r~~.\r'), '~a\r~.\r', 'another letter, or a second tilde, is sent');
  t.equal(sent('~', '\r', '~', '.'), '~\r<left>', 'a tilde alone on its line');
  t.end();
});

t.test('all other bytes pass as they are', (t) => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).filter((byte) => byte !== 0x7e);
  const { send, leave } = new Escape().read(bytes);
  t.strictSame([send, leave], [Buffer.from(bytes), false]);
  t.end();
});
