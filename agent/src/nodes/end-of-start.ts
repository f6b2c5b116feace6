import { toErrorDetail, WombatError } from '@wombat/proto';
import type { ExitStatus } from '@wombat/proto/agent';
import { logTail } from './log-tail.js';
import { SecretMask } from './mask-secrets.js';
import { stderrLog, stdoutLog } from './node-paths.js';
import { settledKey, type NodeRecord } from './node-record.js';
import type { NodeServices } from './node-services.js';
import { withoutWaiting, type NodeState } from './node-state.js';
import { decideRestart } from './restart-policy.js';

/** A start failed, or the process ended: what the restart policy says, or the end at a first start. */
export async function afterFailure(state: NodeState, { clock, log }: NodeServices, error: WombatError, exit: ExitStatus | undefined): Promise<void> {
  const now = clock.now();
  const { failures } = state.record;
  const decision = state.currentStart?.wasReady
    ? decideRestart(state.assignment.spec?.restart, exit, failures, now)
    : { kind: 'give-up' as const, failures, reason: '' };
  const record = failedRecord(state, decision.kind === 'give-up' ? givenUp(error, decision.reason) : error, exit);
  state.process = undefined;
  log.warn({ nodeId: state.nodeId, code: error.code, decision: decision.kind }, error.message);
  if (decision.kind === 'restart') {
    const waiting = { reason: `start again: ${error.message}`, sinceMs: now, nextTryAtMs: now + decision.delayMs };
    await state.save({ ...record, failures: decision.failures, waiting });
    return state.enter('pending');
  }
  const phase = decision.kind === 'done' ? 'stopped' : 'failed';
  await state.save({ ...record, settled: { key: settledKey(state.pursued), phase } });
  state.enter(phase);
}

/** A first start fails for what it failed for; a later one is also the end of somebody's patience. */
function givenUp(error: WombatError, reason: string): WombatError {
  if (reason === '') return error;
  return new WombatError(error.code, `${error.message}; it is not started again: ${reason}`, { hint: error.hint, details: error.details });
}

function failedRecord({ record, paths, assignment }: NodeState, error: WombatError, exit: ExitStatus | undefined): NodeRecord {
  return {
    ...withoutWaiting(record),
    ...(record.start ? { start: { ...record.start, isOver: true } } : {}),
    ...(exit ? { lastExit: exit } : {}),
    lastError: toErrorDetail(error),
    logTail: logTail(stdoutLog(paths), stderrLog(paths), new SecretMask(assignment.spec)),
  };
}

/** What runs, or nothing, is kept as it is: what is wanted now was never started. */
export async function afterRefusal(state: NodeState, { log }: NodeServices, error: WombatError): Promise<void> {
  log.warn({ nodeId: state.nodeId, code: error.code }, `${error.message}; what ran before runs on`);
  await state.save({ ...withoutWaiting(state.record), lastError: toErrorDetail(error), settled: { key: settledKey(state.pursued), phase: 'failed' } });
  state.enter('failed');
}

/** A stopped node starts as if for the first time. */
export async function closeStart(state: NodeState): Promise<void> {
  state.process?.clearStragglers();
  const exit = state.process?.exit;
  state.process = undefined;
  const { start } = state.record;
  if (!start || (start.isOver && !start.wasReady)) return;
  const record = { ...withoutWaiting(state.record), start: { ...start, isOver: true, wasReady: false }, failures: [] };
  await state.save(exit ? { ...record, lastExit: exit } : record);
}
