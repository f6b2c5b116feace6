import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { newId, systemClock } from '@wombat/proto';
import { ExecJob, Outcome, type ExecOutcome } from '@wombat/proto/agent';
import t from 'tap';
import { LeftBehind } from '../processes/left-behind.js';
import { Runner } from '../processes/runner.js';
import { memoryLog } from '../testing/log-memory.js';
import { noArtifacts } from '../testing/no-artifacts.js';
import { until } from '../testing/until.js';
import { ExecAction } from './exec.js';
import { ExecLedger } from './exec-ledger.js';
import { ExecPolicyFile } from './exec-policy.js';
import { ExecSecrets } from './exec-secrets.js';

const atOnce = 64;

t.test('what the queue has no room for is rejected, not run, and may be asked for again', async (t) => {
  const directory = t.testdir();
  const outcomes: ExecOutcome[] = [];
  const hostId = newId('host');
  const { log } = memoryLog();
  const action = new ExecAction({
    directory, hostId, clock: systemClock, log, path: '/bin:/usr/bin', runner: new Runner(), leftBehind: new LeftBehind(log), queueLimit: 2, secrets: new ExecSecrets(directory),
    ledger: new ExecLedger({ file: join(directory, 'exec.journal'), clock: systemClock }), policy: new ExecPolicyFile({ directory }),
    artifacts: noArtifacts, nodeContext: () => undefined, onProgress: () => false, onOutcome: (outcome) => outcomes.push(outcome),
  });
  await action.open();
  const jobOf = (jobId: string, ...argv: string[]): { sequence: bigint; targetIds: string[]; job: Buffer } => ({
    sequence: 1n, targetIds: [hostId],
    job: Buffer.from(ExecJob.encode({ jobId, action: { kind: { $case: 'command', value: { argv, environment: {}, settings: undefined } } }, timeout: undefined, outputLimitBytes: 0n, live: false }).finish()),
  });
  const waiting = Array.from({ length: atOnce + 2 }, () => newId('job'));
  // All at once: those that are still being written down count too.
  const accepted = waiting.map((jobId) => action.exec(jobOf(jobId, 'sleep', '1000')));
  const late = newId('job');
  const mark = join(directory, 'was-run');
  await action.exec(jobOf(late, 'touch', mark));
  await Promise.all(accepted);
  t.match(outcomes, [{ jobId: late, outcome: Outcome.REJECTED, exit: undefined, error: { code: 'WO_EXEC_REJECTED', message: /queue of the host is full.*no more than 2 wait/ } }], 'one has no room');
  t.notOk(existsSync(mark), 'nothing of it was run');

  for (const jobId of waiting) action.cancel({ jobId, targetIds: [] });
  await until(() => outcomes.length === waiting.length + 1, 'all of them to end');
  await action.exec(jobOf(late, 'touch', mark));
  await until(() => outcomes.some(({ jobId, outcome }) => jobId === late && outcome === Outcome.OK), 'the late one to run when there is room');
  t.ok(existsSync(mark), 'and it has');
  await action.close();
});
