import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { WombatError } from '../errors/wombat-error.js';
import { ProcessLock } from './process-lock.js';
import { identifyProcess, isAlive, parseIdentity, readBootId } from './process-stat.js';

const bootId = 'boot-1';
const refuse = (pid: number): WombatError => new WombatError('WO_IN_USE', `process ${pid} holds it`);
const acquire = (path: string): ProcessLock => ProcessLock.acquire(path, { refuse, bootId });

async function sleeper(t: Test): Promise<ChildProcess> {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  return child;
}

t.test('a process is known by its number and its start', async (t) => {
  const child = await sleeper(t);
  const identity = identifyProcess(child.pid!)!;
  t.equal(isAlive(identity), true);
  t.equal(isAlive({ ...identity, startTime: '1' }), false, 'the number was given to another process');
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.equal(isAlive(identity), false);
  t.equal(parseIdentity('{"pid":1,"startTime":"0"}'), undefined, 'init is never ours');
  t.equal(parseIdentity('no json'), undefined);
});

t.test('one process holds a name', async (t) => {
  const path = join(t.testdir({}), 'a.lock');
  const lock = acquire(path);
  t.throws(() => acquire(path), { code: 'WO_IN_USE', message: `process ${process.pid} holds it` }, 'the second is refused and told who is there');
  lock.release();
  t.same(readdirSync(join(path, '..')), [], 'nothing is left behind');
  acquire(path).release();
  t.notOk(existsSync(path), 'it can be had again');
});

t.test('what a dead process left is taken over', async (t) => {
  const child = await sleeper(t);
  const path = join(t.testdir({ 'a.lock': JSON.stringify({ ...identifyProcess(child.pid!), bootId }) }), 'a.lock');
  t.throws(() => acquire(path), { code: 'WO_IN_USE' }, 'a live process holds it');
  child.kill('SIGKILL');
  await once(child, 'exit');
  acquire(path);
  t.equal(parseIdentity(readFileSync(path, 'utf8'))?.pid, process.pid, 'a dead one does not');
});

t.test('a number that belongs to another process now, another boot, or no record at all', async (t) => {
  const { startTime } = identifyProcess(process.pid)!;
  const stale = {
    'the same pid, started at another time': JSON.stringify({ pid: process.pid, startTime: '1', bootId }),
    'the same pid and time in another boot': JSON.stringify({ pid: process.pid, startTime, bootId: 'boot-0' }),
    'an empty file': '',
    'a file of another kind': 'not json',
  };
  for (const [what, content] of Object.entries(stale)) {
    const directory = t.testdir({ 'a.lock': content });
    acquire(join(directory, 'a.lock')).release();
    t.same(readdirSync(directory), [], `${what} holds nothing`);
  }
});

t.test('a lock that somebody else has taken is not released', async (t) => {
  const path = join(t.testdir({}), 'a.lock');
  const lock = acquire(path);
  writeFileSync(path, 'another');
  lock.release();
  t.ok(existsSync(path), 'it is not ours to remove');
});

t.test('of many processes that find a lock of the dead, one gets it', async (t) => {
  const directory = t.testdir({ 'a.lock': JSON.stringify({ pid: 4_194_305, startTime: '1', bootId: readBootId() }) });
  const program = `
    import { ProcessLock } from ${JSON.stringify(new URL('./process-lock.js', import.meta.url).href)};
    try {
      ProcessLock.acquire(${JSON.stringify(join(directory, 'a.lock'))}, { refuse: () => new Error('held') });
      process.stdout.write('got\\n');
    } catch { process.stdout.write('refused\\n'); }
    // Until all have tried, so that none is dead when another looks.
    process.stdin.resume();`;
  const children = Array.from({ length: 6 }, () => spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] }));
  t.teardown(() => children.forEach((child) => child.kill('SIGKILL')));
  const words = await Promise.all(children.map(async ({ stdout }) => String((await once(stdout!, 'data'))[0]).trim()));
  t.same(words.sort(), ['got', ...Array.from({ length: 5 }, () => 'refused')], 'one of six');
});
