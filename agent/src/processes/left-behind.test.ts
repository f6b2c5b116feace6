import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, readStat, type ProcessStat } from '@wombat/proto/processes';
import { Outcome } from '@wombat/proto/agent';
import t from 'tap';
import { TestHost } from '../nodes/testing/host.js';
import { memoryLog } from '../testing/log-memory.js';
import { until } from '../testing/until.js';
import { LeftBehind } from './left-behind.js';
import { newStartId } from './runner.js';

const names = ['session', 'twice', 'deaf', 'nameless'];

function alive(pid: number): ProcessStat {
  const stat = readStat(pid);
  if (!stat) throw new Error(`${pid} does not run`);
  return stat;
}

t.test('what forks and detaches ends with its command, whatever it makes of session, parent and environment', async (t) => {
  const host = new TestHost();
  await host.start();
  t.teardown(() => host.end());
  const other = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
  t.teardown(() => other.kill('SIGKILL'));
  const sleeping = (name: string): string => `sh -c 'echo $$ >${join(host.directory, name)}; exec sleep 1000'`;
  const ready = (name: string): string => `while [ ! -s ${join(host.directory, name)} ]; do sleep 0.01; done`;
  const script = [
    `setsid ${sleeping('session')} &`,
    `(setsid sh -c '(setsid "$@" &)' x ${sleeping('twice')} &)`,
    `setsid sh -c 'trap "" TERM HUP; exec "$@"' x ${sleeping('deaf')} &`,
    `env -i PATH="$PATH" setsid ${sleeping('nameless')} &`,
    ...names.map(ready),
    'exec sleep "$0"',
  ].join('\n');
  for (const [seconds, outcome] of [['0', Outcome.OK], ['1000', Outcome.TIMED_OUT]] as const) {
    host.outcomes.length = 0;
    for (const name of names) rmSync(join(host.directory, name), { force: true });
    await host.exec([host.hostId], { $case: 'command', value: { argv: ['sh', '-c', script, seconds], environment: {}, settings: undefined } }, { timeoutMs: seconds === '0' ? 20_000 : 1_500 });
    t.match(await host.outcome(host.hostId), { outcome }, `sleep ${seconds}`);
    const left = names.map((name) => ({ name, stat: readStat(Number(readFileSync(join(host.directory, name), 'utf8'))) }));
    await until(() => left.every(({ stat }) => !stat || !isAlive(stat)), `all of ${JSON.stringify(left)} to be gone`);
  }
  t.ok(isAlive(alive(other.pid!)), 'a process of somebody else is left alone');
});

t.test('an agent that ends looks at once', async (t) => {
  const { log } = memoryLog();
  const startId = newStartId();
  const child = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore', env: { ...process.env, WOMBAT_START_ID: startId } });
  const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
  const leftBehind = new LeftBehind(log);
  leftBehind.clear(startId, []);
  await leftBehind.close();
  t.equal(await ended, 'SIGKILL', 'what was still to be looked for is ended');
});
