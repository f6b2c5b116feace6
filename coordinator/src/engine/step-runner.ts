import { durationFromMs, durationToMs, fromErrorDetail, orAborted, withDeadline, WombatError, type Clock, type Ids } from '@wombat/proto';
import { ExecJob, Outcome, type ExecOutcome } from '@wombat/proto/agent';
import { failpoint } from '@wombat/proto/failpoints';
import { CommandSettings, type Action, type Step } from '@wombat/proto/types';
import type { Node } from '../domain/model/node.js';
import type { Fleet } from '../fleet/fleet.js';

export interface StepRunnerOptions {
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** Runs steps of a strategy on nodes, through the same door as the jobs of operators. */
export class StepRunner {
  readonly #options: StepRunnerOptions;
  /** Job id -> who waits for its one outcome, and from which host. */
  readonly #waiting = new Map<string, { readonly hostId: string; readonly resolve: (outcome: ExecOutcome) => void }>();

  constructor(options: StepRunnerOptions) {
    this.#options = options;
  }

  /** True when the outcome was one of ours. A host answers for itself only. */
  take(hostId: string, outcome: ExecOutcome): boolean {
    const waiter = this.#waiting.get(outcome.jobId);
    if (waiter?.hostId === hostId) waiter.resolve(outcome);
    return waiter !== undefined;
  }

  /**
   * Runs the steps one after another, each until it succeeds or its deadline passes; a host without a session, as after
   * a restart of the coordinator, is waited for as long.
   * @returns the output of the last one
   * @throws WombatError WO_NODE_JOIN_FAILED naming the step, WO_HOST_UNREACHABLE when it could not even be sent
   */
  async run(node: Node, steps: readonly Step[], signal: AbortSignal): Promise<Uint8Array> {
    let output: Uint8Array = new Uint8Array();
    for (const step of steps) output = await this.#runStep(node, step, signal);
    return output;
  }

  async #runStep(node: Node, step: Step, parent: AbortSignal): Promise<Uint8Array> {
    const deadlineMs = durationToMs(step.deadline) ?? 60_000;
    const signal = withDeadline(deadlineMs, `step ${step.name} on ${node.name}`, parent);
    let reason = 'it was not run';
    let isUnreachable = false;
    try {
      for (;;) {
        isUnreachable = !this.#options.fleet.isConnected(node.hostId);
        if (isUnreachable) reason = `the host of ${node.name} has no session`;
        else {
          const outcome = await this.#runOnce(node, step.action, deadlineMs, signal);
          const verdict = judge(step, outcome);
          if (verdict.kind === 'done') return outcome.stdout?.head ?? new Uint8Array();
          reason = verdict.reason;
          if (verdict.kind === 'failed') break;
        }
        await this.#options.clock.sleep(durationToMs(step.interval) ?? 250, signal);
      }
    } catch (error) {
      parent.throwIfAborted();
      if (WombatError.is(error) && error.code !== 'WO_DEADLINE_EXCEEDED') reason = error.message;
      else reason = `not done after ${deadlineMs} ms: ${reason}`;
    }
    throw new WombatError(isUnreachable ? 'WO_HOST_UNREACHABLE' : 'WO_NODE_JOIN_FAILED', `step ${step.name} on ${node.name}: ${reason}`);
  }

  async #runOnce(node: Node, action: Action | undefined, timeoutMs: number, signal: AbortSignal): Promise<ExecOutcome> {
    const jobId = this.#options.ids.next('job');
    const job = ExecJob.encode({ jobId, action: withTimeToTidyUp(action), timeout: durationFromMs(timeoutMs), outputLimitBytes: 0n, live: false }).finish();
    const outcome = new Promise<ExecOutcome>((resolve) => this.#waiting.set(jobId, { hostId: node.hostId, resolve }));
    try {
      await failpoint('coordinator.step.before-send');
      this.#options.fleet.sendExec(job, new Map([[node.hostId, [node.id]]]));
      await failpoint('coordinator.step.after-send');
      return await orAborted(outcome, signal);
    } finally {
      this.#waiting.delete(jobId);
      // Nobody waits for it any more, and the next try must not meet it.
      if (signal.aborted) this.#options.fleet.cancelExec(node.hostId, jobId, [node.id]);
    }
  }
}

/** From TERM to KILL, past the deadline of a step: it may be in the middle of a change to a cluster. */
const tidyUpMs = 5_000;

function withTimeToTidyUp(action: Action | undefined): Action | undefined {
  if (action?.kind?.$case !== 'command') return action;
  const { value } = action.kind;
  return { kind: { $case: 'command', value: { ...value, settings: CommandSettings.fromPartial({ ...value.settings, killAfter: value.settings?.killAfter ?? durationFromMs(tidyUpMs) }) } } };
}

type Verdict = { readonly kind: 'done' } | { readonly kind: 'again' | 'failed'; readonly reason: string };

function judge(step: Step, outcome: ExecOutcome): Verdict {
  const said = tailOf(outcome);
  if (outcome.outcome === Outcome.OK) {
    const output = Buffer.from(outcome.stdout?.head ?? []).toString();
    const missing = step.until?.containsAll.filter((part) => !output.includes(part)) ?? [];
    return missing.length === 0 ? { kind: 'done' } : { kind: 'again', reason: `its output lacks ${missing.join(', ')}: ${said}` };
  }
  if (outcome.error) return { kind: 'failed', reason: fromErrorDetail(outcome.error).message };
  const code = outcome.exit?.kind?.$case === 'code' ? outcome.exit.kind.value : undefined;
  const reason = `${code === undefined ? Outcome[outcome.outcome]?.toLowerCase() : `exit code ${code}`}${said ? `: ${said}` : ''}`;
  const mayRetry = step.until !== undefined || (code !== undefined && step.retryExitCodes.includes(code));
  return { kind: mayRetry ? 'again' : 'failed', reason };
}

/** The last lines of what it printed, on one line. */
function tailOf(outcome: ExecOutcome): string {
  const text = [outcome.stdout, outcome.stderr].map((output) => Buffer.from(output?.head ?? []).toString()).join('\n');
  return text.replace(/\p{Cc}+/gu, ' ').trim().slice(-300);
}
