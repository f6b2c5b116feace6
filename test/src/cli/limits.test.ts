import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Outcome } from '@wombat/proto/agent';
import { GetJobRequest, HoldReason, JobServiceService, type GetJobResponse } from '@wombat/proto/control';
import t from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { nameOf } from '../support/fleet-view.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

t.test('wo exec: so many at a time, as the coordinator decides', async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop);
  await workshop.ok('deploy-nodes', family, '--amount', '4');
  const names = (await workshop.untilRunning(4)).map(nameOf).sort();
  const show = (job: string): Promise<GetJobResponse> => workshop.coordinator.control.call(JobServiceService.getJob, GetJobRequest.fromPartial({ job }));

  await t.test('a window outlives the coordinator, and whoever has asked', async (t) => {
    const book = join(workshop.directory, 'book');
    const script = `echo "+ $WOMBAT_NODE_NAME" >>${book}; sleep 0.4; echo "- $WOMBAT_NODE_NAME" >>${book}`;
    const job = await workshop.ok('exec', family, '--window', '1', '--per', 'host=1', '--expect', 'present', '--detach', '--shell', '--', script);
    await until('the first has begun', () => lines(book).length > 0 || notYet('nobody has'));
    await workshop.restartCoordinator();
    expectExit(t, await workshop.wo('job', 'watch', job), 0, 'all of them come to run');
    const told = lines(book);
    t.same(told.filter((line) => line.startsWith('+')).map((line) => line.slice(2)).sort(), names, 'each once');
    t.ok(told.every((line, index) => line.startsWith(index % 2 === 0 ? '+' : '-')), `one at a time: ${told.join(', ')}`);
  });

  await t.test('too many failures: the others are left out, with the reason', async (t) => {
    const result = expectExit(t, await workshop.wo('exec', family, '--window', '1', '--max-failures', '1', '--', 'false'), 1);
    t.match(result.stderr, /3 targets skipped: WO_TOO_MANY_FAILURES: 1 of 4 targets have failed/);
    t.match(result.stderr, /1 failed/, 'one has run');
  });

  await t.test('the first one, then the others when somebody lets them go on', async (t) => {
    const first = expectExit(t, await workshop.wo('exec', family, '--first', '1', '--pause', '--', 'echo', 'ran'), 6);
    t.equal(lineCount(first.stdout), 1, 'one has run');
    const id = /wo job resume (job-[a-z0-9]+)/.exec(first.stderr)?.[1] ?? '';
    const { job, targets } = await show(id);
    t.match(job?.hold, { count: 3, reason: HoldReason.RESUME });
    t.equal(targets.filter(({ held }) => held).length, 3, 'each of the others says that it was not sent');
    t.equal(lineCount(expectExit(t, await workshop.wo('job', 'resume', id), 0).stdout), 4, 'all have');
  });

  await t.test('groups, with a time between them; cancelled in it', async (t) => {
    const job = await workshop.ok('exec', family, '--batch', '50%', '--batch-wait', '1h', '--detach', '--', 'true');
    await until('the first group has ended', async () => (await show(job)).job?.hold?.reason === HoldReason.GROUP || notYet('it has not'));
    await workshop.ok('job', 'cancel', job);
    expectExit(t, await workshop.wo('job', 'watch', job), 3, 'half of it was done');
    const { targets } = await show(job);
    t.same(targets.map(({ outcome }) => outcome).sort(), [Outcome.OK, Outcome.OK, Outcome.SKIPPED, Outcome.SKIPPED].sort());
  });
});

function lineCount(text: string): number {
  return text.trimEnd().split('\n').length;
}

function lines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter((line) => line !== '');
  } catch {
    return [];
  }
}
