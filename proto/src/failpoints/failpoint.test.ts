import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { armedFailpoints, armFailpoints, failpoint, hitFile } from './failpoint.js';

const here = 'coordinator.host.after-create';
const there = 'agent.unpack.before';

t.afterEach(() => void armFailpoints(undefined));

t.test('unarmed, a passing is nothing', async (t) => {
  t.equal(armFailpoints(''), undefined);
  t.equal(failpoint(here), undefined);
  t.equal(armedFailpoints(), undefined);
});

t.test('an error comes at the passing asked for, once, also where nobody awaits it', async (t) => {
  t.equal(armFailpoints(`${here}=error:WO_DISK_FULL@2`), `${here}=error:WO_DISK_FULL@2`);
  t.equal(failpoint(here), undefined, 'the first passing is free');
  t.equal(failpoint(there), undefined, 'another one has nothing to do with it');
  t.throws(() => void failpoint(here), { code: 'WO_DISK_FULL', message: `failpoint ${here}` });
  t.equal(failpoint(here), undefined, 'and so is every later one');
});

t.test('who hangs goes on after its time', async (t) => {
  armFailpoints(`${here}=hang:40`);
  const begunAt = performance.now();
  await failpoint(here);
  t.ok(performance.now() - begunAt >= 39, 'it waited');
});

t.test('a crash is a SIGKILL, and what follows is not done', async (t) => {
  const script = `const { armFailpoints, failpoint } = await import(${JSON.stringify(new URL('failpoint.js', import.meta.url).href)});
    armFailpoints(process.env.WOMBAT_FAILPOINTS); process.stdout.write('before '); void failpoint('${here}'); process.stdout.write('after');`;
  const { signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { PATH: process.env['PATH'], WOMBAT_FAILPOINTS: `${here}=crash` }, encoding: 'utf8', timeout: 60_000,
  });
  t.equal(signal, 'SIGKILL');
  t.equal(stdout, 'before ');
  t.match(stderr, `failpoint ${here}: crash`, 'it says what has killed it');
});

t.test('a file is read at each passing, and acts once for all who share it', async (t) => {
  const file = join(t.testdir(), 'failpoints');
  armFailpoints(`file:${file}`);
  t.equal(failpoint(here), undefined, 'a file that is not there arms nothing');
  writeFileSync(file, `${here}=error\n`);
  t.throws(() => void failpoint(here), { code: 'WO_INTERNAL' });
  t.ok(existsSync(hitFile(file, here)), 'it leaves a mark');
  // As another process would, or the next one.
  armFailpoints(`file:${file}`);
  t.equal(failpoint(here), undefined, 'who comes later passes');
  rmSync(hitFile(file, here));
  writeFileSync(file, `${here}=error@1`);
  t.throws(() => void failpoint(here), { code: 'WO_INTERNAL' }, 'a new text is counted anew');
  t.throws(() => armFailpoints('file:here'), { code: 'WO_CONFIG_INVALID' });
});
