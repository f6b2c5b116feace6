import { appendFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { limits } from '@wombat/proto';
import t, { type Test } from 'tap';
import { SecretMask } from '../nodes/mask-secrets.js';
import { LiveOutput, type Piece } from './live-output.js';

const token = 'canary-987';
const mask = new SecretMask(undefined, [token]);

function setting(t: Test, limitBytes = 10 * 1024 * 1024) {
  const file = join(t.testdir(), 'stdout');
  const live = new LiveOutput(file, limitBytes);
  const told: string[] = [];
  const take = ({ data }: Piece): boolean => told.push(data.toString()) > 0;
  return { file, told, append: (text: string) => appendFileSync(file, text), look: () => live.tell(mask, take), live };
}

t.test('what is new since the last look, in its order', (t) => {
  const { told, append, look } = setting(t);
  look();
  t.same(told, [], 'nothing was written yet');
  append('one\n');
  look();
  look();
  append('two\nthr');
  look();
  t.same(told, ['one\n', 'two\nthr'], 'each byte once');
  t.end();
});

t.test('wherever a secret is cut, nothing of it is told', (t) => {
  for (let cut = 1; cut < token.length; cut += 1) {
    const { told, append, look } = setting(t);
    append(`a ${token.slice(0, cut)}`);
    look();
    t.same(told, ['a '], `${cut} bytes of it may be more`);
    append(`${token.slice(cut)} b can`);
    look();
    t.equal(told.join(''), `a ${'*'.repeat(token.length)} b `, `cut after ${cut}`);
    append('not');
    look();
    t.equal(told.join(''), `a ${'*'.repeat(token.length)} b cannot`, 'and it was none after all');
  }
  t.end();
});

t.test('secrets that begin alike or overlap, cut anywhere', (t) => {
  const secrets = new SecretMask(undefined, ['prefix', 'prefix-long', 'longest-of-all']);
  const text = 'a prefix-longest-of-all b prefix c';
  const stars = `a ${'*'.repeat(21)} b ****** c`;
  for (let cut = 1; cut < text.length; cut += 1) {
    for (let next = cut + 1; next < text.length; next += 1) {
      const { told, append, live } = setting(t);
      for (const piece of [text.slice(0, cut), text.slice(cut, next), text.slice(next)]) {
        append(piece);
        live.tell(secrets, ({ data }) => told.push(data.toString()) > 0);
      }
      if (told.join('') !== stars) t.equal(told.join(''), stars, `cut after ${cut} and ${next}`);
    }
  }
  t.end();
});

t.test('what is not taken is told again', (t) => {
  const { append, live } = setting(t);
  append('x'.repeat(limits.livePieceBytes + 10));
  const told: Piece[] = [];
  live.tell(mask, (piece) => told.length === 0 && told.push(piece) > 0);
  live.tell(mask, () => false);
  live.tell(mask, (piece) => told.push(piece) > 0);
  t.same(told.map(({ offset, data }) => [offset, data.length]), [[0, limits.livePieceBytes], [limits.livePieceBytes, 10]], 'from where it stopped');
  t.end();
});

t.test('it ends where the output is cut, and at what is no file', (t) => {
  const { told, append, look } = setting(t, 100);
  append('x'.repeat(80));
  look();
  append('y'.repeat(80));
  look();
  t.equal(told.join(''), 'x'.repeat(50), 'behind it the file changes');
  const other = setting(t);
  writeFileSync(join(t.testdirName, 'elsewhere'), 'of somebody else');
  rmSync(other.file, { force: true });
  symlinkSync(join(t.testdirName, 'elsewhere'), other.file);
  other.look();
  t.same(other.told, [], 'a link is not followed');
  t.end();
});
