import { durationFromMs } from '@wombat/proto';
import { Outcome, type ExitStatus } from '@wombat/proto/agent';
import { Job, JobState, JobTarget, type CreateJobRequest, type RerunJobRequest, type WatchJobResponse } from '@wombat/proto/control';
import { IoPriority, type Command } from '@wombat/proto/types';
import t, { type Test } from 'tap';
import type { FakeIoOptions } from '../testing/fake-io.js';
import { FakeCoordinator } from '../testing/fake-coordinator.js';
import { metadata, startedAt } from '../testing/objects.js';
import { runWo, startWo } from '../testing/run-wo.js';

function target(name: string, outcome: Outcome, stdout = '', more: Partial<JobTarget> = {}): JobTarget {
  return JobTarget.fromPartial({
    targetId: `node-${name}`, targetName: name, outcome, stdout: Buffer.from(stdout),
    startedAt, finishedAt: new Date(startedAt.getTime() + 100), ...more,
  } as Parameters<typeof JobTarget.fromPartial>[0]);
}

const code = (value: number): ExitStatus => ({ kind: { $case: 'code', value } });
const job = (state: JobState, count: number): Job => Job.fromPartial({
  metadata: metadata('job-aaaaaaaaaaaa'), state, targetCount: count, ...(state === JobState.FINISHED && { finishedAt: new Date(startedAt.getTime() + 400) }),
});

async function coordinator(t: Test, targets: readonly JobTarget[]): Promise<{ fake: FakeCoordinator; requests: CreateJobRequest[] }> {
  const fake = await FakeCoordinator.start();
  const requests: CreateJobRequest[] = [];
  t.teardown(() => fake.stop());
  fake.handlers = {
    createJob: (request) => (requests.push(request), { job: job(JobState.RUNNING, targets.length) }),
    getJob: () => ({ job: job(JobState.RUNNING, targets.length), targets: [], page: undefined }),
    watchJob: async function* (): AsyncGenerator<WatchJobResponse> {
      yield { kind: { $case: 'job', value: job(JobState.RUNNING, targets.length) } };
      for (const value of targets) yield { kind: { $case: 'target', value } };
      yield { kind: { $case: 'job', value: job(JobState.FINISHED, targets.length) } };
    },
  };
  return { fake, requests };
}

t.test('all ok: "node | line" on stdout in the order of names, the summary on stderr', async (t) => {
  const { fake, requests } = await coordinator(t, [target('web-10', Outcome.OK, 'c\n'), target('web-2', Outcome.OK, 'a\nb\n')]);
  const ran = await runWo(fake, ['exec', 'web', '--timeout', '10s', '--', 'uptime', '-p']);
  t.equal(ran.exit, 0);
  t.equal(ran.stdout, 'web-2  | a\nweb-2  | b\nweb-10 | c\n');
  t.equal(ran.stderr, '2 ok of 2 targets in 400ms; slowest web-10 100ms\n');
  t.match(requests, [{ expression: 'web', action: { kind: { $case: 'command', value: { argv: ['uptime', '-p'] } } }, timeout: { seconds: 10n } }]);
});

t.test('some failed: those first, exit 3', async (t) => {
  const rejected = { error: { code: 'WO_EXEC_REJECTED', message: 'exec is off', hint: '', details: {} } };
  const { fake } = await coordinator(t, [
    target('web-1', Outcome.OK, 'fine\n'), target('web-2', Outcome.FAILED, 'part\n', { exit: code(2), stderr: Buffer.from('no \x1b[2Jdisk\n') }),
    target('web-3', Outcome.TIMED_OUT), target('web-4', Outcome.REJECTED, '', rejected),
  ]);
  const ran = await runWo(fake, ['exec', 'web', '--', 'x']);
  t.equal(ran.exit, 3);
  t.equal(ran.stdout, 'web-2 | part\nweb-1 | fine\n');
  t.same(ran.stderr.split('\n'), [
    '✗ web-2: failed (exit 2)', 'web-2 | no \\x1b[2Jdisk', '✗ web-3: timed out', '✗ web-4: rejected  WO_EXEC_REJECTED: exec is off',
    '1 ok, 1 failed, 1 timed out, 1 rejected of 4 targets in 400ms; slowest web-1 100ms', '',
  ]);
});

t.test('all failed: exit 1; --pass-exit gives the largest code of the remote commands', async (t) => {
  const { fake } = await coordinator(t, [target('a', Outcome.FAILED, '', { exit: code(2) }), target('b', Outcome.FAILED, '', { exit: code(7) })]);
  t.equal((await runWo(fake, ['exec', 'web', '--', 'x'])).exit, 1);
  t.equal((await runWo(fake, ['exec', 'web', '--pass-exit', '--', 'x'])).exit, 7);
  const killed = await coordinator(t, [target('a', Outcome.KILLED, '', { exit: { kind: { $case: 'signal', value: 9 } } }), target('b', Outcome.OK, '', { exit: code(0) })]);
  t.equal((await runWo(killed.fake, ['exec', 'web', '--pass-exit', '--', 'x'])).exit, 137);
});

t.test('-b shows equal outcomes once', async (t) => {
  const { fake } = await coordinator(t, [target('web-1', Outcome.OK, 'same\n'), target('web-3', Outcome.OK, 'other\n'), target('web-2', Outcome.OK, 'same\n')]);
  t.equal((await runWo(fake, ['exec', 'web', '-b', '--', 'x'])).stdout, 'web-[1-2] (2)\n  same\nweb-3 (1)\n  other\n');
});

t.test('--erlang sends Erlang, ended by a period', async (t) => {
  const { fake, requests } = await coordinator(t, [target('web-1', Outcome.OK, "['web-2@127.1.1.2']\n")]);
  t.equal((await runWo(fake, ['exec', 'web-1', '--erlang', 'nodes()'])).stdout, "web-1 | ['web-2@127.1.1.2']\n");
  t.match(requests[0]?.action, { kind: { $case: 'erlangEval', value: { expressions: 'nodes().' } } });
  t.equal((await runWo(fake, ['exec', 'web-1', '--erlang', 'nodes()', '--', 'x'])).exit, 2);
  t.equal((await runWo(fake, ['exec', 'web-1'])).exit, 2, 'neither a command nor Erlang');
});

t.test('how a command is run', async (t) => {
  const { fake, requests } = await coordinator(t, [target('web-1', Outcome.OK)]);
  const directory = t.testdir({ input: 'from a file', token: 'canary\n', large: 'x'.repeat(70_000) });
  const send = async (words: readonly string[], options: FakeIoOptions = {}): Promise<Command> => {
    requests.length = 0;
    const ran = await runWo(fake, ['exec', 'web', ...words], { cwd: directory, ...options });
    t.equal(ran.exit, 0, ran.stderr);
    const kind = requests[0]?.action?.kind;
    if (kind?.$case !== 'command') throw new Error('no command was sent');
    return kind.value;
  };
  t.match(await send(['--cwd', 'log', '--user', 'web', '--nice', '10', '--io', 'idle', '--kill-after', '5s', '--env', 'A=b=c', '--secret', 'TOKEN=file:token', '--stdin', 'input', '--', 'x']), {
    argv: ['x'], environment: { A: 'b=c' },
    settings: { workingDirectory: 'log', user: 'web', nice: 10, ioPriority: IoPriority.IDLE, killAfter: durationFromMs(5_000), secrets: { TOKEN: 'canary' }, stdin: Buffer.from('from a file') },
  });
  t.match(await send(['--stdin', '-', '--', 'cat'], { stdin: 'from a pipe' }), { settings: { stdin: Buffer.from('from a pipe') } });
  t.same((await send(['--shell', '--', 'ls "$1" | wc -l', '/a b'])).argv, ['sh', '-c', 'ls "$1" | wc -l', 'sh', '/a b'], 'a shell, because it was asked for');
  requests.length = 0;
  for (const [words, why] of [
    [['--stdin', 'large', '--', 'x'], /large is longer than 65440 bytes/], [['--stdin', 'none', '--', 'x'], /none cannot be read \(ENOENT\)/],
    [['--stdin', '-', '--secret', 'A=-', '--', 'x'], /either a secret or the input/], [['--nice', '20', '--', 'x'], /from 0 to 19/],
    [['--io', 'high', '--', 'x'], /one of low, idle/], [['--erlang', 'ok', '--env', 'A=1'], /--erlang and --env/], [['--erlang', 'ok', '--shell'], /--erlang and --shell/],
  ] as const) {
    const ran = await runWo(fake, ['exec', 'web', ...words], { cwd: directory });
    t.match([ran.exit, ran.stderr], [2, why], words.join(' '));
  }
  t.same(requests, [], 'and nothing was sent');
});

t.test('json and jsonl', async (t) => {
  const { fake } = await coordinator(t, [target('web-1', Outcome.OK, 'x\n')]);
  t.match(JSON.parse((await runWo(fake, ['exec', 'web', '-o', 'json', '--', 'x'])).stdout), { job: { state: 'JOB_STATE_FINISHED' }, targets: [{ targetName: 'web-1', stdout: Buffer.from('x\n').toString('base64') }] });
  t.equal((await runWo(fake, ['exec', 'web', '-o', 'jsonl', '--', 'x'])).stdout.trim().split('\n').length, 3);
});

t.test('lost output is told', async (t) => {
  const { fake } = await coordinator(t, [target('web-1', Outcome.OK, 'x\n', { stdoutLostBytes: 4096n, stdoutLostAt: 2048n })]);
  t.match((await runWo(fake, ['exec', 'web', '--', 'x'])).stderr, 'web-1: 4.0 KiB of the output were lost behind its first 2.0 KiB');
});

t.test('TERM leaves the job running: exit 6, what is known is printed, and how to go on', async (t) => {
  const { fake } = await coordinator(t, []);
  fake.handlers.watchJob = async function* (_request, signal) {
    yield { kind: { $case: 'target', value: target('web-1', Outcome.OK, 'early\n') } };
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  };
  const { io, exit } = startWo(fake, ['exec', 'web', '--', 'x'], { stderrIsTerminal: true, env: { TERM: 'xterm', NO_COLOR: '1' } });
  await io.stderr.until('1 of 0 targets');
  io.signals.emit('SIGTERM');
  t.equal(await exit, 6);
  t.equal(io.stdout.text, 'web-1 | early\n');
  t.match(io.stderr.text, 'still running; `wo job watch job-aaaaaaaaaaaa`, `wo job cancel job-aaaaaaaaaaaa`');
});

t.test('--detach prints the id of the job', async (t) => {
  const { fake } = await coordinator(t, [target('web-1', Outcome.OK)]);
  const ran = await runWo(fake, ['exec', 'web', '--detach', '--', 'x']);
  t.same([ran.exit, ran.stdout, fake.calls], [0, 'job-aaaaaaaaaaaa\n', ['createJob']]);
  t.equal((await runWo(fake, ['job', 'watch', 'job-a'])).exit, 0, 'and it can be watched');
});

t.test('a sample, by number or percentage', async (t) => {
  const { fake, requests } = await coordinator(t, [target('web-1', Outcome.OK)]);
  await runWo(fake, ['exec', 'web', '--sample', '12.5%', '--seed', 'abc', '--', 'x']);
  await runWo(fake, ['exec', 'web', '--sample', '3', '--', 'x']);
  t.match(requests, [{ sample: { share: { kind: { $case: 'percent', value: 12.5 } }, seed: 'abc' } }, { sample: { share: { kind: { $case: 'number', value: 3 } }, seed: '' } }]);
  for (const wrong of [['--sample', '0'], ['--sample', '101%'], ['--sample', '1.5'], ['--sample', 'some'], ['--seed', 'a']]) t.equal((await runWo(fake, ['exec', 'web', ...wrong, '--', 'x'])).exit, 2, wrong.join(' '));
  fake.handlers.getJob = () => ({ job: { ...job(JobState.FINISHED, 3), sample: { share: { kind: { $case: 'percent', value: 12.5 } }, seed: 'abc', of: 24 } }, targets: [], page: undefined });
  t.match((await runWo(fake, ['job', 'show', 'job-a'])).stdout, /sample +12\.5% of 24, --seed abc/, 'and how to have the same again');
});

t.test('a job is run again, and told as one that was asked for', async (t) => {
  const { fake } = await coordinator(t, [target('web-1', Outcome.FAILED, '', { exit: code(2) }), target('web-2', Outcome.OK, 'x\n')]);
  const asked: RerunJobRequest[] = [];
  fake.handlers.rerunJob = (request) => (asked.push(request), { job: job(JobState.RUNNING, 2) });
  const ran = await runWo(fake, ['job', 'rerun', 'job-first', '--failed']);
  t.same([ran.exit, ran.stdout], [3, 'web-2 | x\n']);
  t.match(asked, [{ job: 'job-first', failedOnly: true }]);
  const detached = await runWo(fake, ['job', 'rerun', 'job-first', '--detach', '-o', 'json']);
  t.match(JSON.parse(detached.stdout), { job: { metadata: { id: 'job-aaaaaaaaaaaa' } } });
  t.equal(asked[1]?.failedOnly, false, 'everywhere, unless said otherwise');
  t.equal((await runWo(fake, ['job', 'rerun', 'job-first', '--detach', '-o', 'name'])).stdout, 'job-aaaaaaaaaaaa\n');
});

t.test('nodes that were skipped are told of, and are no failures unless nobody ran', async (t) => {
  const skipped = { ...target('web-2', Outcome.SKIPPED), error: { code: 'WO_NODE_NOT_RUNNING', message: 'web-2 is stopped', hint: 'start it: wo node start web-2', details: {} } };
  const { fake } = await coordinator(t, [target('web-1', Outcome.OK, 'x\n'), skipped]);
  const ran = await runWo(fake, ['exec', 'web', '--', 'x']);
  t.equal(ran.exit, 0, 'the others were ok');
  t.match(ran.stderr, /- web-2: skipped {2}WO_NODE_NOT_RUNNING: web-2 is stopped\n.*try: start it: wo node start web-2/, 'who, why, and what to do');
  const nobody = await coordinator(t, [skipped]);
  t.equal((await runWo(nobody.fake, ['exec', 'web-2', '--', 'x'])).exit, 1, 'nothing ran');
});
