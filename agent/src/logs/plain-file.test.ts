import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { logTail } from '../nodes/log-tail.js';
import { SecretMask } from '../nodes/mask-secrets.js';
import { LogFile } from './log-file.js';
import { openPlainFile, plainFileSize } from './plain-file.js';
import { readLog } from './read-log.js';

async function textOf(file: string): Promise<string> {
  let text = '';
  for await (const { data } of readLog(new LogFile(file), 0, AbortSignal.timeout(5_000))) text += String(data);
  return text;
}

function placeFor(t: Test): { secret: string; log: string } {
  const directory = t.testdir({ secret: 'of somebody else\n'.repeat(100) });
  return { secret: join(directory, 'secret'), log: join(directory, 'stdout.log') };
}

t.test('a link in the place of a log is neither read nor emptied nor written through', async (t) => {
  const { secret, log } = placeFor(t);
  const before = readFileSync(secret, 'utf8');
  symlinkSync(secret, log);
  t.equal(plainFileSize(log), 0);
  t.equal(await textOf(log), '');
  t.equal(logTail(log, log, new SecretMask(undefined)), '');
  t.notOk(new LogFile(log, { fileBytes: 10, files: 2 }).rotateIfNeeded());
  t.throws(() => openPlainFile(log), { code: 'ELOOP' });

  rmSync(log);
  writeFileSync(log, 'x'.repeat(50));
  symlinkSync(secret, `${log}.1`);
  symlinkSync(secret, `${log}.json.new`);
  t.ok(new LogFile(log, { fileBytes: 10, files: 2 }).rotateIfNeeded(), 'a log is rotated all the same');
  t.equal(await textOf(log), 'x'.repeat(50));
  t.equal(readFileSync(secret, 'utf8'), before, 'and nothing was written to where the links led');
});

t.test('a pipe in the place of a log holds nobody up', async (t) => {
  const { log } = placeFor(t);
  execFileSync('mkfifo', [log]);
  t.ok(statSync(log).isFIFO());
  t.equal(await textOf(log), '');
  t.equal(logTail(log, log, new SecretMask(undefined)), '');
  t.throws(() => openPlainFile(log), { code: 'EINVAL' });
});
