import { mkdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { cookieFile, writeCookie } from './cookie.js';

const cookie = Buffer.from('ABCDEFGHIJ');

t.test('whatever lies where the cookie belongs is replaced, neither followed nor read', async (t) => {
  const home = t.testdir({ elsewhere: 'mine' });
  const file = cookieFile(home);
  symlinkSync(join(home, 'elsewhere'), file);
  await writeCookie(home, cookie);
  t.same(readFileSync(file), cookie, 'in the place of a link');
  t.equal(statSync(file).mode & 0o777, 0o400);
  t.equal(readFileSync(join(home, 'elsewhere'), 'utf8'), 'mine', 'what the link led to');

  const large = t.testdir({});
  writeFileSync(cookieFile(large), '');
  truncateSync(cookieFile(large), 1_500_000_000);
  const before = process.resourceUsage().maxRSS;
  await writeCookie(large, cookie);
  t.same(readFileSync(cookieFile(large)), cookie, 'in the place of a file that would fill the memory');
  t.ok(process.resourceUsage().maxRSS - before < 500_000, 'which was not read');

  const taken = t.testdir({});
  mkdirSync(cookieFile(taken));
  await t.rejects(writeCookie(taken, cookie), { code: 'EISDIR' }, 'a directory is the user\'s own harm');
});
