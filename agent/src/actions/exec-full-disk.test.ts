import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { newId, systemClock, WombatError } from '@wombat/proto';
import { ExecJob, Outcome, type ExecOutcome } from '@wombat/proto/agent';
import t from 'tap';
import { LeftBehind } from '../processes/left-behind.js';
import { Runner } from '../processes/runner.js';
import { memoryLog } from '../testing/log-memory.js';
import { noArtifacts } from '../testing/no-artifacts.js';
import { ExecAction } from './exec.js';
import { ExecLedger } from './exec-ledger.js';
import { ExecPolicyFile } from './exec-policy.js';
import { ExecSecrets } from './exec-secrets.js';

class LedgerOnFullDisk extends ExecLedger {
  override accept(): Promise<void> {
    return Promise.reject(new WombatError('WO_DISK_FULL', 'no space left for the journal'));
  }
}

t.test('a command that cannot be written down is rejected at once, and never run', async (t) => {
  const directory = t.testdir();
  const outcomes: ExecOutcome[] = [];
  const ledger = new LedgerOnFullDisk({ file: join(directory, 'exec.journal'), clock: systemClock });
  const hostId = newId('host');
  const { log } = memoryLog();
  const action = new ExecAction({
    directory, hostId, ledger, clock: systemClock, log, path: '/bin:/usr/bin', runner: new Runner(), leftBehind: new LeftBehind(log), policy: new ExecPolicyFile({ directory }), queueLimit: 10, secrets: new ExecSecrets(directory),
    artifacts: noArtifacts, nodeContext: () => undefined, onProgress: () => false, onOutcome: (outcome) => outcomes.push(outcome),
  });
  await action.open();
  const command = { argv: ['touch', join(directory, 'was-run')], environment: {}, settings: undefined };
  const job = ExecJob.encode({ jobId: newId('job'), action: { kind: { $case: 'command', value: command } }, timeout: undefined, outputLimitBytes: 0n, live: false }).finish();
  await t.rejects(action.exec({ sequence: 1n, targetIds: [hostId], job: Buffer.from(job) }), { code: 'WO_DISK_FULL' });
  t.match(outcomes, [{ targetId: hostId, outcome: Outcome.REJECTED, error: { code: 'WO_DISK_FULL' } }], 'nobody waits until its time is over');
  await action.close();
  t.notOk(existsSync(join(directory, 'was-run')));
});
