import { durationFromMs } from '@wombat/proto';
import { Outcome } from '@wombat/proto/agent';
import { JobState, JobTarget, type RerunJobRequest } from '@wombat/proto/control';
import { IoPriority, type Command } from '@wombat/proto/types';
import t from 'tap';
import type { FakeIoOptions } from '../testing/fake-io.js';
import { code, coordinator, job, target } from '../testing/jobs.js';
import { runWo, startWo } from '../testing/run-wo.js';

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
    'web-2 | no \x1b[2Jdisk', '✗ web-2: failed (exit 2)', '✗ web-3: timed out', '✗ web-4: rejected  WO_EXEC_REJECTED: exec is off',
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
  t.equal((await runWo(fake, ['exec', 'web', '-o', 'jsonl', '--', 'x'])).stdout, `${JSON.stringify(JobTarget.toJSON(target('web-1', Outcome.OK, 'x\n')))}\n`, 'an object for each target');
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
  await io.stdout.until('early');
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

t.test('outputs are shown as they come, and what went wrong again at the end, once where it is the same', async (t) => {
  const failed = [1, 2, 3].map((number) => target(`web-${number}`, Outcome.FAILED, '', { exit: code(2), stderr: Buffer.from('no disk\n') }));
  const { fake } = await coordinator(t, []);
  let goOn = (): void => undefined;
  fake.handlers.watchJob = async function* () {
    for (const value of failed) yield { kind: { $case: 'target', value } };
    await new Promise<void>((resolve) => (goOn = resolve));
    yield { kind: { $case: 'target', value: target('web-10', Outcome.OK, 'fine\n') } };
    yield { kind: { $case: 'job', value: job(JobState.FINISHED, 4) } };
  };
  const { io, exit } = startWo(fake, ['exec', 'web', '--', 'x']);
  await io.stderr.until('web-3 | no disk');
  t.equal(io.stdout.text, '');
  goOn();
  t.equal(await exit, 3);
  t.equal(io.stdout.text, 'web-10 | fine\n');
  t.same(io.stderr.lines, ['web-1 | no disk', 'web-2 | no disk', 'web-3 | no disk', '✗ web-[1-3] (3): failed (exit 2)', '3 failed, 1 ok of 4 targets in 400ms; slowest web-1 100ms']);
});

t.test('what a command writes is shown on a terminal, and goes byte for byte into anything else', async (t) => {
  const bytes = Buffer.from([0x1b, 0x5b, 0x32, 0x4a, 0xff, 0x00, 0x0d, 0x0a, 0x65]);
  const { fake } = await coordinator(t, [target('web-1', Outcome.OK, '', { stdout: bytes })]);
  const raw = startWo(fake, ['exec', 'web', '--', 'x']);
  await raw.exit;
  t.same(raw.io.stdout.bytes, Buffer.concat([Buffer.from('web-1 | '), bytes.subarray(0, 8), Buffer.from('web-1 | e\n')]));
  const environment = { TERM: 'xterm', NO_COLOR: '1' };
  t.equal((await runWo(fake, ['exec', 'web', '--', 'x'], { stdoutIsTerminal: true, env: environment })).stdout, 'web-1 | \\x1b[2J\ufffd\\x00\nweb-1 | e\n');
  t.equal((await runWo(fake, ['exec', 'web', '-b', '--', 'x'], { stdoutIsTerminal: true, env: environment })).stdout, 'web-1 (1)\n  \\x1b[2J\ufffd\\x00\n  e\n');
});

t.test('what is told again after the connection was lost is shown once', async (t) => {
  const { fake } = await coordinator(t, []);
  let calls = 0;
  fake.handlers.watchJob = async function* () {
    yield { kind: { $case: 'target', value: target('web-1', Outcome.OK, 'early\n') } };
    if (++calls === 1) return;
    yield { kind: { $case: 'target', value: target('web-2', Outcome.OK, 'late\n') } };
    yield { kind: { $case: 'job', value: job(JobState.FINISHED, 2) } };
  };
  t.equal((await runWo(fake, ['job', 'watch', 'job-a'])).stdout, 'web-1 | early\nweb-2 | late\n');
});

t.test('a long job has a bar on a terminal, which makes room for what is said', async (t) => {
  const { fake } = await coordinator(t, []);
  fake.handlers.createJob = () => ({ job: job(JobState.RUNNING, 4) });
  let goOn = (): void => undefined;
  fake.handlers.watchJob = async function* () {
    yield { kind: { $case: 'target', value: target('web-1', Outcome.FAILED, '', { exit: code(2) }) } };
    await new Promise<void>((resolve) => (goOn = resolve));
    yield { kind: { $case: 'target', value: target('web-2', Outcome.OK, 'late\n') } };
    yield { kind: { $case: 'job', value: job(JobState.FINISHED, 2) } };
  };
  const { io, exit } = startWo(fake, ['exec', 'web', '--', 'x'], { stderrIsTerminal: true, env: { TERM: 'xterm', NO_COLOR: '1' } });
  await io.stderr.until(/█{5}░{15} 1 of 4 targets, 1 failed, 0\.\d\/s {2}\d/);
  goOn();
  t.equal(await exit, 3);
  t.match(io.stderr.text, /s\r\x1b\[K✗ web-1: failed \(exit 2\)\n1 failed, 1 ok of 2 targets/, 'nothing is left of it');
});
