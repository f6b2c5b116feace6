import { Outcome } from '@wombat/proto/agent';
import { JobState, type JobTarget } from '@wombat/proto/control';
import t from 'tap';
import { coordinator, job, target } from '../../testing/jobs.js';
import { runWo, startWo } from '../../testing/run-wo.js';

t.test('job output: bytes of one target, lines of several', async (t) => {
  const bytes = Buffer.from([0xff, 0x1b, 0x0a, 0x00]);
  const targets = [target('web-1', Outcome.OK, '', { stdout: bytes, stderr: Buffer.from('oh\n') }), target('web-2', Outcome.FAILED, 'b\n', { stdoutLostBytes: 4096n, stdoutLostAt: 2n })];
  const { fake } = await coordinator(t, []);
  let all: readonly JobTarget[] = targets;
  const asked: string[] = [];
  fake.handlers.getJob = ({ target: one }) => (asked.push(one), { job: job(JobState.FINISHED, 2), targets: all.filter(({ targetName }) => one === '' || one === targetName), page: undefined });
  const raw = startWo(fake, ['job', 'output', 'job-a', 'web-1']);
  t.equal(await raw.exit, 0);
  t.same([raw.io.stdout.bytes, raw.io.stderr.text, asked], [bytes, 'oh\n', ['web-1']]);
  t.same(await runWo(fake, ['job', 'output', 'job-a', 'web-1', '--stderr']), { exit: 0, stdout: 'oh\n', stderr: '' });
  t.equal((await runWo(fake, ['job', 'output', 'job-a', 'web-1'], { stdoutIsTerminal: true })).stdout, '\ufffd\\x1b\n\\x00\n');
  const both = await runWo(fake, ['job', 'output', 'job-a', '--stdout']);
  t.match(both.stdout, /\nweb-1 \| \x00\nweb-2 \| b\n$/);
  t.equal(both.stderr, 'web-2: 4.0 KiB of the output were lost behind its first 2 B\n');
  t.match(JSON.parse((await runWo(fake, ['job', 'output', 'job-a', '-o', 'json'])).stdout), { targets: [{ stdout: bytes.toString('base64') }, { targetName: 'web-2' }] });
  all = [target('web-1', Outcome.UNSPECIFIED), targets[1]!];
  const running = await runWo(fake, ['job', 'output', 'job-a']);
  t.same([running.exit, running.stdout], [6, 'web-2 | b\n']);
  t.match(running.stderr, '1 target without an outcome yet; wait: wo job watch job-a');
});
