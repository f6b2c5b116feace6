import { statSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@wombat/proto';
import { Outcome, type ExecOutcome } from '@wombat/proto/agent';
import t from 'tap';
import { ManualClock } from '../testing/manual-clock.js';
import { ExecLedger, type ExecEntry } from './exec-ledger.js';

const hourMs = 3600_000;

function entryOf(jobId: string, targetId: string): ExecEntry {
  return { jobId, targetId, startId: 'start-1', arrivedAt: 0, timeoutMs: 1_000, outputLimitBytes: 1_000, isProcess: true };
}

function outcomeOf(jobId: string, targetId: string): ExecOutcome {
  const stdout = { head: Buffer.alloc(10_000, 'x'), sizeBytes: 10_000n, lostBytes: 0n };
  return { jobId, targetId, outcome: Outcome.OK, exit: undefined, startedAt: undefined, finishedAt: undefined, stdout, stderr: undefined, error: undefined };
}

t.test('what was acknowledged long ago is forgotten while the agent runs, and takes no room', async (t) => {
  const clock = new ManualClock();
  const file = join(t.testdir(), 'exec.journal');
  const ledger = new ExecLedger({ file, clock });
  await ledger.open();
  t.teardown(() => ledger.close());
  const targetId = newId('node');
  const jobs = Array.from({ length: 20 }, () => newId('job'));
  const unanswered = newId('job');
  for (const jobId of [...jobs, unanswered]) {
    await ledger.accept([entryOf(jobId, targetId)]);
    await ledger.finish(outcomeOf(jobId, targetId));
  }
  await ledger.acknowledge(jobs.map((jobId) => ({ jobId, targetId })));
  const whole = statSync(file).size;
  await ledger.prune();
  t.ok(statSync(file).size < whole / 5, 'outputs that were acknowledged are not kept');
  t.ok(jobs.every((jobId) => ledger.has(jobId, targetId)), 'but that they were run is');

  clock.advance(25 * hourMs);
  await ledger.prune();
  t.notOk(jobs.some((jobId) => ledger.has(jobId, targetId)), 'a day later they are forgotten');
  t.ok(ledger.has(unanswered, targetId), 'what was not acknowledged never is');
  t.strictSame(ledger.pendingOutcomes().map(({ stdout }) => stdout?.head.length), [10_000]);

  const next = new ExecLedger({ file, clock });
  await next.open();
  t.ok(next.has(unanswered, targetId), 'nor by the next agent');
  t.notOk(next.has(jobs[0]!, targetId));
  await next.close();
});
