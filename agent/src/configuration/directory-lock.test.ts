import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readStat } from '../processes/process-table.js';
import { DirectoryLock } from './directory-lock.js';

const boot = 'boot-1';

t.test('one agent in a directory', async (t) => {
  const directory = t.testdir({});
  const lock = DirectoryLock.acquire(directory, boot);
  t.throws(() => DirectoryLock.acquire(directory, boot), { code: 'WO_IN_USE', message: new RegExp(`pid ${process.pid}`) }, 'the second is refused and told who is there');
  lock.release();
  t.same(readdirSync(directory), [], 'nothing is left behind');
  DirectoryLock.acquire(directory, boot).release();
  t.notOk(existsSync(join(directory, 'agent.lock')), 'it can be had again');
});

t.test('what a dead agent left is taken over', async (t) => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  await once(child, 'spawn');
  const startTime = readStat(child.pid!)?.startTime;
  const held = JSON.stringify({ pid: child.pid, startTime, bootId: boot });
  const directory = t.testdir({ 'agent.lock': held });
  t.throws(() => DirectoryLock.acquire(directory, boot), { code: 'WO_IN_USE' }, 'a live process holds it');
  child.kill('SIGKILL');
  await once(child, 'exit');
  DirectoryLock.acquire(directory, boot);
  t.equal(JSON.parse(readFileSync(join(directory, 'agent.lock'), 'utf8')).pid, process.pid, 'a dead one does not');
});

t.test('a number that belongs to another process now, another boot, or no record at all', async (t) => {
  const { startTime } = readStat(process.pid)!;
  const stale = {
    'the same pid, started at another time': JSON.stringify({ pid: process.pid, startTime: '1', bootId: boot }),
    'the same pid and time in another boot': JSON.stringify({ pid: process.pid, startTime, bootId: 'boot-0' }),
    'an empty file': '',
    'a file of another kind': 'not json',
  };
  for (const [what, content] of Object.entries(stale)) {
    const directory = t.testdir({});
    writeFileSync(join(directory, 'agent.lock'), content);
    DirectoryLock.acquire(directory, boot).release();
    t.same(readdirSync(directory), [], `${what} holds nothing`);
  }
});

t.test('a lock that somebody else has taken is not released', async (t) => {
  const directory = t.testdir({});
  const lock = DirectoryLock.acquire(directory, boot);
  writeFileSync(join(directory, 'agent.lock'), 'another');
  lock.release();
  t.ok(existsSync(join(directory, 'agent.lock')), 'it is not ours to remove');
});
