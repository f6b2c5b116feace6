import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { limits } from '@wombat/proto';
import t from 'tap';
import { logTail } from './log-tail.js';
import { SecretMask } from './mask-secrets.js';

t.test('a secret is starred wherever the end of the log begins within it', (t) => {
  const secret = 'first line\nsecond line\nlast line';
  const file = join(t.testdir(), 'log');
  const none = join(t.testdirName, 'none');
  for (let cut = 1; cut < secret.length; cut += 1) {
    writeFileSync(file, `${'x'.repeat(5_000)}\n${secret}\n${'y'.repeat(limits.logTailBytes / 2 - cut - 1)}`);
    t.notMatch(logTail(file, none, new SecretMask(undefined, [secret])), /line/, `${cut} bytes of it are within`);
  }
  writeFileSync(file, `a\n${secret}\nb`);
  t.equal(logTail(file, none, new SecretMask(undefined, [secret])), `a\n${'*'.repeat(secret.length)}\nb`);
  t.end();
});
