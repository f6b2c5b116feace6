import { Outcome } from '@wombat/proto/agent';
import { Expectation, HoldReason, Job, JobState, JobTarget, type CreateJobRequest, type ResumeJobRequest, type WatchJobResponse } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { FakeCoordinator } from '../testing/fake-coordinator.js';
import { metadata, startedAt } from '../testing/objects.js';
import { runWo } from '../testing/run-wo.js';

const id = 'job-aaaaaaaaaaaa';
const jobOf = (fields: Partial<Job>): Job => ({ ...Job.fromPartial({ metadata: metadata(id), state: JobState.RUNNING, targetCount: 3 }), ...fields });
const target = (name: string, outcome: Outcome, fields: Partial<JobTarget> = {}): JobTarget => ({ ...JobTarget.fromPartial({ targetId: `node-${name}`, targetName: name, outcome }), ...fields });

/** A coordinator whose jobs go like this. */
async function coordinator(t: Test, last: Job, targets: readonly JobTarget[]): Promise<{ fake: FakeCoordinator; requests: CreateJobRequest[]; resumed: ResumeJobRequest[] }> {
  const fake = await FakeCoordinator.start();
  t.teardown(() => fake.stop());
  const [requests, resumed]: [CreateJobRequest[], ResumeJobRequest[]] = [[], []];
  fake.handlers = {
    createJob: (request) => (requests.push(request), { job: jobOf({}) }),
    resumeJob: (request) => (resumed.push(request), { job: jobOf({}) }),
    getJob: () => ({ job: last, targets: [...targets], page: undefined }),
    watchJob: async function* (): AsyncGenerator<WatchJobResponse> {
      yield { kind: { $case: 'job', value: jobOf({}) } };
      for (const value of targets) yield { kind: { $case: 'target', value } };
      yield { kind: { $case: 'job', value: last } };
    },
  };
  return { fake, requests, resumed };
}

t.test('how it is to be sent goes to the coordinator', async (t) => {
  const { fake, requests } = await coordinator(t, jobOf({ state: JobState.FINISHED }), []);
  const flags = ['--window', '10%', '--batch', '5', '--batch-wait', '1500ms', '--max-failures', '2', '--per', 'zone=1', '--per', 'label.rack=2', '--first', '1', '--pause', '--expect', 'present'];
  await runWo(fake, ['exec', 'web', ...flags, '--', 'true']);
  await runWo(fake, ['exec', 'web', '--', 'true']);
  t.match(requests[0], {
    expect: Expectation.PRESENT,
    limits: {
      window: { kind: { $case: 'percent', value: 10 } }, batch: { kind: { $case: 'number', value: 5 } }, batchWait: { seconds: 1n, nanos: 500_000_000 },
      maxFailures: { kind: { $case: 'number', value: 2 } }, per: [{ label: 'zone', number: 1 }, { label: 'label.rack', number: 2 }], first: { kind: { $case: 'number', value: 1 } },
    },
  });
  t.match(requests[1], { limits: undefined, expect: Expectation.UNSPECIFIED }, 'nothing where nothing was said');
});

const refusals: readonly (readonly [flags: readonly string[], told: RegExp])[] = [
  [['--window', '0'], /--window.*number from 1/],
  [['--window', '150%'], /--window.*percentage/],
  [['--batch', 'some'], /--batch.*number from 1/],
  [['--max-failures', '-1'], /--max-failures/],
  [['--first', '5'], /--first is for --pause/],
  [['--pause'], /--pause is for --first/],
  [['--batch-wait', '5s'], /--batch-wait is for --batch/],
  [['--per', 'zone'], /--per.*KEY=VALUE/],
  [['--per', 'zone=0'], /--per zone wants a whole number/],
  [['--expect', 'some'], /--expect is one of all, present/],
];
t.test('what makes no sense is refused before anything is asked for', async (t) => {
  const { fake, requests } = await coordinator(t, jobOf({}), []);
  for (const [flags, told] of refusals) {
    const ran = await runWo(fake, ['exec', 'web', ...flags, '--', 'true']);
    t.equal(ran.exit, 2, flags.join(' '));
    t.match(ran.stderr, told, flags.join(' '));
  }
  t.same(requests, [], 'the coordinator was not asked');
});

t.test('a job that pauses: the first outcomes, how to go on, exit 6', async (t) => {
  const paused = jobOf({ hold: { count: 2, reason: HoldReason.RESUME, nextAt: undefined } });
  const { fake, resumed } = await coordinator(t, paused, [target('web-1', Outcome.OK, { stdout: Buffer.from('fine\n') })]);
  const ran = await runWo(fake, ['exec', 'web', '--first', '1', '--pause', '--', 'true']);
  t.equal(ran.exit, 6);
  t.equal(ran.stdout, 'web-1 | fine\n', 'the outcomes so far');
  t.match(ran.stderr, new RegExp(`paused with 2 targets left; go on: .wo job resume ${id}., end it: .wo job cancel ${id}.`));
  t.match((await runWo(fake, ['job', 'show', id])).stdout, /state +paused[\s\S]*not sent yet +2 targets, until wo job resume job-aaaaaaaaaaaa/);
  await runWo(fake, ['job', 'resume', id, '--detach']);
  t.match(resumed, [{ job: id }]);
});

t.test('a job that stops: who was left out is told once, with the reason; exit 3', async (t) => {
  const stopped = { code: 'WO_TOO_MANY_FAILURES', message: '1 of 3 targets have failed: nothing more is sent', hint: 'see what went wrong', details: {} };
  const skipped = { error: stopped };
  const { fake } = await coordinator(t, jobOf({ state: JobState.FINISHED, stopped, finishedAt: new Date(startedAt.getTime() + 400) }), [
    target('web-1', Outcome.OK), target('web-2', Outcome.FAILED), target('web-3', Outcome.SKIPPED, skipped), target('web-4', Outcome.SKIPPED, skipped),
  ]);
  const ran = await runWo(fake, ['exec', 'web', '--window', '1', '--max-failures', '1', '--', 'true']);
  t.equal(ran.exit, 3);
  t.match(ran.stderr, /^- 2 targets skipped: WO_TOO_MANY_FAILURES: 1 of 3 targets have failed: nothing more is sent\n {4}try: see what went wrong\n/);
  t.notMatch(ran.stderr, /web-[34]/, 'not one by one');
});
