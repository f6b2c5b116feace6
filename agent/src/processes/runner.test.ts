import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@wombat/proto';
import t, { type Test } from 'tap';
import { until } from '../testing/until.js';
import { cleanEnvironment, defaultPath } from './clean-environment.js';
import { ExitPoller } from './exit-poller.js';
import { exitCode, exitSignal, unknownExit } from './exit-status.js';
import { findProgram } from './find-program.js';
import { removeRecord } from './process-record.js';
import { isAlive, readStat } from '@wombat/proto/processes';
import { findByEnvironment, sendSignal, sessionMembers } from './process-table.js';
import { runBriefly } from './run-briefly.js';
import { Runner, newStartId, type SpawnRequest } from './runner.js';
import { startIdVariable, type RunningProcess } from './running-process.js';
import { stopProcess, type StopStep } from './stop-process.js';

interface Place {
  readonly directory: string;
  readonly runner: Runner;
  request(script: string, changes?: Partial<SpawnRequest>): SpawnRequest;
  output(): string;
}

function place(t: Test): Place {
  const directory = t.testdir();
  const startIds: string[] = [];
  // Children do not keep an agent alive, nor a test.
  const alive = setInterval(() => undefined, 1_000);
  t.teardown(() => clearInterval(alive));
  t.teardown(() => startIds.flatMap((startId) => findByEnvironment(startIdVariable, startId)).forEach(({ pid }) => sendSignal(pid, 'SIGKILL')));
  return {
    directory,
    runner: new Runner(new ExitPoller(10)),
    request(script, changes = {}) {
      const startId = newStartId();
      startIds.push(startId);
      return {
        startId,
        recordPrefix: join(directory, 'run'),
        argv: ['/bin/sh', '-c', script],
        workingDirectory: directory,
        environment: cleanEnvironment({ path: defaultPath, home: directory }),
        stdoutFile: join(directory, 'out'),
        stderrFile: join(directory, 'err'),
        ...changes,
      };
    },
    output: () => readFileSync(join(directory, 'out'), 'utf8'),
  };
}

const waitsFor = (file: string, then: string): string => `while [ ! -e ${file} ] && [ $((i+=1)) -lt 3000 ]; do sleep 0.01; done; ${then}`;
const known = (running: RunningProcess): Promise<{ pid: number; startTime: string }> => until(() => running.child, 'the record of the process');

t.test('output goes to files, input comes from a file or nowhere, and the end is told', async (t) => {
  const { runner, request, output, directory } = place(t);
  writeFileSync(join(directory, 'in'), 'given\n');
  const running = await runner.spawn(request('cat; echo done; echo bad >&2; exit 3', { stdinFile: join(directory, 'in') }));
  t.strictSame(await running.exited, exitCode(3));
  t.equal(output(), 'given\ndone\n');
  t.equal(readFileSync(join(directory, 'err'), 'utf8'), 'bad\n', 'the shim adds nothing of its own');
  await (await runner.spawn(request('cat; echo again'))).exited;
  t.equal(output(), 'given\ndone\nagain\n', 'appended, and no input');
});

t.test('a signal is told from an exit code', async (t) => {
  const { runner, request } = place(t);
  const outcome = async (script: string): Promise<unknown> => (await runner.spawn(request(script))).exited;
  t.strictSame(await outcome('kill -9 $$'), exitSignal(9));
  t.strictSame(await outcome('kill -TERM $$'), exitSignal(15));
  t.strictSame(await outcome('kill -INT $$'), exitSignal(2));
  t.strictSame(await outcome('exit 143'), exitCode(143));
});

t.test('a session of its own, whose child obeys every signal', async (t) => {
  const { runner, request } = place(t);
  const running = await runner.spawn(request('exec sleep 1000'));
  const child = await known(running);
  const stat = readStat(child.pid)!;
  t.equal(stat.sessionId, running.sessionId);
  t.not(stat.sessionId, readStat(process.pid)!.sessionId);
  t.match(readFileSync(`/proc/${child.pid}/status`, 'utf8'), /SigIgn:\t0000000000000000/, 'INT and QUIT are not ignored');
  running.signal('SIGTERM');
  t.strictSame(await running.exited, exitSignal(15), 'the shim lived to tell');
});

t.test('limits hold for the child', async (t) => {
  const { runner, request, output } = place(t);
  const limits = { openFiles: 99, processes: 4_321, nice: 5 };
  await (await runner.spawn(request('ulimit -n; nice; cat /proc/self/limits', { limits }))).exited;
  t.equal(output().split('\n').slice(0, 2).join(' '), `99 ${Math.min(19, getPriority() + 5)}`, 'open files, and nicer than the agent by 5');
  t.match(output(), /Max processes +4321 +4321/);
});

t.test('a program that is not there', async (t) => {
  const { runner, request, directory } = place(t);
  t.strictSame(await (await runner.spawn(request('', { argv: ['/nonexistent/program'] }))).exited, exitCode(127));
  t.match(readFileSync(join(directory, 'err'), 'utf8'), 'not found');
  await t.rejects(runner.spawn(request('true', { workingDirectory: '/nonexistent' })), { code: 'WO_NODE_START_FAILED' });
});

t.test('a later agent finds what runs, and how it ended', async (t) => {
  const { runner, request, directory } = place(t);
  const go = join(directory, 'go');
  const asked = request(waitsFor(go, 'exit 9'));
  const child = await known(await runner.spawn(asked));
  const adoption = runner.adopt(asked.startId, asked.recordPrefix);
  if (adoption.kind !== 'running') throw new Error(`it is ${adoption.kind}`);
  t.strictSame(adoption.process.child, child);
  writeFileSync(go, '');
  t.strictSame(await adoption.process.exited, exitCode(9));
  t.match(runner.adopt(asked.startId, asked.recordPrefix), { kind: 'ended', exit: exitCode(9) });
});

t.test('without a record it is found by its environment', async (t) => {
  const { runner, request } = place(t);
  const asked = request('exec sleep 1000');
  const child = await known(await runner.spawn(asked));
  removeRecord(asked.recordPrefix);
  const adoption = runner.adopt(asked.startId, asked.recordPrefix);
  if (adoption.kind !== 'running') throw new Error(`it is ${adoption.kind}`);
  sendSignal(child.pid, 'SIGKILL');
  // The shim goes on writing into the file that was removed, so nobody can read it.
  t.strictSame(await adoption.process.exited, unknownExit);
  t.strictSame(runner.adopt(newStartId(), join(asked.recordPrefix, 'none')), { kind: 'never-started' });
});

t.test('when the shim is killed the child is watched, and its exit status unknown', async (t) => {
  const { runner, request } = place(t);
  const running = await runner.spawn(request('exec sleep 1000'));
  const child = await known(running);
  sendSignal(running.sessionId!, 'SIGKILL');
  await until(() => !readStat(running.sessionId!), 'the shim to be gone');
  t.equal(running.exit, undefined, 'the child runs on');
  t.ok(isAlive(child));
  sendSignal(child.pid, 'SIGKILL');
  t.strictSame(await running.exited, unknownExit);
});

t.test('stopping takes the mildest step that works', async (t) => {
  const { runner, request, directory } = place(t);
  const stop = async (script: string, action?: () => Promise<void>): Promise<{ step: StopStep; steps: string[]; exit: unknown }> => {
    rmSync(join(directory, 'up'), { force: true });
    const running = await runner.spawn(request(script));
    await until(() => existsSync(join(directory, 'up')), 'it to be up');
    const steps: string[] = [];
    const { step, exit } = await stopProcess(running, { action, stopTimeoutMs: 300, termTimeoutMs: 3_000, clock: systemClock, onStep: (each) => steps.push(each) });
    t.strictSame(sessionMembers(running.sessionId!), [], 'nothing of the session is left');
    return { step, steps, exit };
  };
  const up = `touch ${join(directory, 'up')};`;
  t.strictSame(await stop(`${up} exec sleep 1000`), { step: 'term', steps: ['term'], exit: exitSignal(15) });
  const bye = join(directory, 'bye');
  t.strictSame(await stop(`${up} ${waitsFor(bye, 'exit 0')}`, async () => writeFileSync(bye, '')), { step: 'action', steps: ['action'], exit: exitCode(0) });
  t.strictSame(await stop(`${up} exec sleep 1000`, () => Promise.resolve()), { step: 'term', steps: ['action', 'term'], exit: exitSignal(15) }, 'an action without effect');
  t.strictSame(await stop(`${up} exec sleep 1000`, () => Promise.reject(new Error('no'))), { step: 'term', steps: ['action', 'term'], exit: exitSignal(15) }, 'an action that fails');
  const deaf = `trap "" TERM; ${up} (setsid -w sleep 1000 & sleep 1001) & while [ $((i+=1)) -lt 3000 ]; do sleep 1; done`;
  t.strictSame(await stop(deaf), { step: 'kill', steps: ['term', 'kill'], exit: exitSignal(9) }, 'deaf, with children');
});

t.test('a stop in the first moments is not lost', async (t) => {
  const { runner, request } = place(t);
  for (let round = 0; round < 20; round++) {
    const running = await runner.spawn(request('exec sleep 1000'));
    const { step, exit } = await stopProcess(running, { stopTimeoutMs: 1, termTimeoutMs: 5_000, clock: systemClock });
    t.strictSame({ step, exit }, { step: 'term', exit: exitSignal(15) });
  }
});

t.test('what outlives the leader of the session is cleared', async (t) => {
  const { runner, request } = place(t);
  const running = await runner.spawn(request('sleep 1000 & exit 0'));
  t.strictSame(await running.exited, exitCode(0));
  t.equal(running.clearStragglers(), 1);
  await until(() => sessionMembers(running.sessionId!).length === 0, 'the child of the child to be gone');
  t.equal(running.clearStragglers(), 0);
});

t.test('an agent that ends in the middle of a stop leaves the rest to the next', async (t) => {
  const { runner, request, output } = place(t);
  const running = await runner.spawn(request('trap "" TERM; echo deaf; while [ $((i+=1)) -lt 3000 ]; do sleep 0.05; done'));
  const child = await known(running);
  await until(() => output() === 'deaf\n', 'it to hear no TERM');
  const end = new AbortController();
  const stopping = stopProcess(running, {
    stopTimeoutMs: 1, termTimeoutMs: 60_000, clock: systemClock, signal: end.signal, onStep: () => end.abort(new Error('the agent ends')),
  });
  await t.rejects(stopping, { message: 'the agent ends' });
  t.ok(isAlive(child));
});

t.test('a short command: output, bounds, deadline', async (t) => {
  const { directory } = place(t);
  process.env.WOMBAT_TEST_OWN = 'ours';
  const run = (script: string, changes: object = {}, signal?: AbortSignal): ReturnType<typeof runBriefly> =>
    runBriefly({ argv: ['/bin/sh', '-c', script], workingDirectory: directory, environment: { PATH: defaultPath }, timeoutMs: 10_000, ...changes }, signal);
  const plain = await run('cat; env; echo bad >&2; exit 2', { input: 'given\n' });
  t.strictSame(plain.exit, exitCode(2));
  t.match(plain.stdout.toString(), /^given\n/);
  t.notMatch(plain.stdout.toString(), 'WOMBAT_TEST_OWN', 'nothing of our environment');
  t.equal(plain.stderr.toString(), 'bad\n');
  t.equal((await run('head -c 100000 /dev/zero', { maximumOutputBytes: 1_000 })).stdout.length, 1_000);
  await t.rejects(run('sleep 1000 & wait', { timeoutMs: 50 }), { code: 'WO_DEADLINE_EXCEEDED' });
  await t.rejects(run('sleep 1000', {}, AbortSignal.abort(new Error('not wanted'))), { message: 'not wanted' });
  const startedAt = performance.now();
  t.equal((await run('sleep 5 & echo early')).stdout.toString(), 'early\n');
  t.ok(performance.now() - startedAt < 4_000, 'what it leaves in the background is not waited for');
  await t.rejects(runBriefly({ argv: ['/nonexistent'], workingDirectory: directory, environment: {}, timeoutMs: 1_000 }), { code: 'WO_NODE_START_FAILED' });
});

t.test('programs are found in the directory or in PATH', (t) => {
  const directory = t.testdir({ bin: { plain: 'text' } });
  t.equal(findProgram('sh', directory, '/nonexistent:/bin'), '/bin/sh');
  t.equal(findProgram('/bin/sh', directory, ''), '/bin/sh');
  t.equal(findProgram('bin/plain', directory, '/bin'), undefined, 'not executable');
  t.equal(findProgram('bin/none', directory, '/bin'), undefined);
  t.equal(findProgram('', directory, '/bin'), undefined);
  t.equal(findProgram('sh', directory, 'bin:.'), undefined, 'only absolute folders');
  t.equal(findProgram('./bin', directory, '/bin'), undefined, 'a directory is no program');
  t.end();
});
