import { spawn } from 'node:child_process';
import t from 'tap';
import { isAlive, parseStat, readStat } from '@wombat/proto/processes';
import { environmentHolds, findByEnvironment, markPids, pidsSince, sendSignal, sessionMembers } from './process-table.js';

t.test('a name with brackets and spaces does not confuse', (t) => {
  const rest = 'S 7 42 40 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 99 100';
  t.strictSame(parseStat(`43 (a) (b ) c)) ${rest}`), { pid: 43, startTime: '123456', state: 'S', parentPid: 7, groupId: 42, sessionId: 40 });
  for (const broken of ['', '43', '43 (sh', 'x (sh) S 1', '43 (sh) S 1 2 3']) t.equal(parseStat(broken), undefined, broken);
  t.end();
});

t.test('this process', (t) => {
  const own = readStat(process.pid);
  t.match(own, { pid: process.pid, parentPid: process.ppid });
  t.ok(isAlive(own!));
  t.notOk(isAlive({ pid: process.pid, startTime: '1' }), 'the same number, another process');
  t.equal(readStat(2 ** 22 + 1), undefined);
  t.end();
});

t.test('processes of a session and by their environment', async (t) => {
  const mark = `mark-${process.pid}`;
  const child = spawn('sleep', ['1000'], { detached: true, env: { WOMBAT_TEST_MARK: mark }, stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  const pid = child.pid!;
  while (!environmentHolds(pid, 'WOMBAT_TEST_MARK', mark)) await new Promise((resolve) => setImmediate(resolve));
  t.strictSame(sessionMembers(pid).map((member) => member.pid), [pid]);
  t.strictSame(findByEnvironment('WOMBAT_TEST_MARK', mark).map((member) => member.pid), [pid]);
  t.strictSame(findByEnvironment('TEST_MARK', mark), [], 'not a part of a name');
  t.strictSame(findByEnvironment('WOMBAT_TEST_MARK', mark.slice(0, -1)), [], 'not a part of a value');
  t.ok(sendSignal(pid, 0));
});

t.test('processes that began after a moment', (t) => {
  const mark = markPids();
  if (!mark) throw new Error('the kernel does not tell the last number');
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  t.ok(pidsSince(mark).includes(child.pid!), 'the new one is among them');
  t.notOk(pidsSince(mark).includes(process.ppid), 'an older one is not');
  t.ok(pidsSince({ ...mark, pid: child.pid! + 100_000 }).includes(child.pid!), 'also when the numbers have begun anew');
  for (const unsure of [undefined, { ...mark, atMs: mark.atMs - 6_000 }]) t.ok(pidsSince(unsure).includes(process.ppid), 'all of them when the mark says nothing any more');
  t.end();
});

t.test('nobody signals the agent itself or the world', (t) => {
  for (const target of [0, -1, 1]) t.equal(sendSignal(target, 0), false);
  t.end();
});
