import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { WombatError, limits } from '@wombat/proto';
import { Outcome, type ExecOutcome, type ExitStatus } from '@wombat/proto/agent';
import { failpoint } from '@wombat/proto/failpoints';
import { PutFile, type Action } from '@wombat/proto/types';
import { putFile } from '../files/put-file.js';
import { SecretMask } from '../nodes/mask-secrets.js';
import { erlCallOf, type NodeContext } from '../nodes/node-context.js';
import { exitCode, isSuccess, unknownExit } from '../processes/exit-status.js';
import type { RunningProcess } from '../processes/running-process.js';
import { endedWithin, stopProcess } from '../processes/stop-process.js';
import { filePutOf } from './exec-file.js';
import { launchOf, type ExecLaunch } from './exec-launch.js';
import type { ExecEntry } from './exec-ledger.js';
import { ExecOutputFiles } from './exec-output.js';
import { execDirectory, leftMs, outcomeWith, type ExecServices } from './exec-services.js';

type ErlangKind = Extract<NonNullable<Action['kind']>, { $case: `erlang${string}` }>;

/** Why a command's signal fires: somebody cancelled it, or the agent ends and leaves it running. */
export const cancelled = Symbol('cancelled');
export const closing = Symbol('closing');

const trimIntervalMs = 100;

/** One command on one target. Its outcome is undefined when the agent ends first. */
export class ExecRun {
  readonly #entry: ExecEntry;
  readonly #services: ExecServices;
  readonly #signal: AbortSignal;
  readonly #directory: string;
  readonly #output: ExecOutputFiles;
  /** What it was given and shall not be told again. Undefined: that is not known any more. */
  #secrets: readonly string[] | undefined = [];

  constructor(entry: ExecEntry, services: ExecServices, signal: AbortSignal) {
    this.#entry = entry;
    this.#services = services;
    this.#signal = signal;
    this.#directory = execDirectory(services.directory, entry.jobId, entry.targetId);
    this.#output = new ExecOutputFiles(this.#directory, entry.outputLimitBytes);
  }

  /** @throws WombatError when it cannot be run */
  async begin(action: Action | undefined): Promise<ExecOutcome | undefined> {
    const kind = action?.kind;
    if (this.#signal.aborted) return this.#interrupted();
    if (leftMs(this.#entry, this.#services.clock) === 0) return this.#outcome(Outcome.TIMED_OUT, unknownExit);
    if (kind === undefined) throw new WombatError('WO_EXEC_REJECTED', 'the job does not say what to run');
    const context = this.#context();
    if (kind.$case === 'putFile') return this.#put(kind.value, context);
    if (kind.$case !== 'command') return this.#evaluate(kind, context);
    const launch = launchOf(kind.value, this.#entry.jobId, context, this.#services);
    const secrets = Object.values(kind.value.settings?.secrets ?? {});
    this.#secrets = secrets;
    if (!madeAnew(this.#directory)) return this.#outcome(Outcome.LOST_DURING_RUN, unknownExit);
    this.#services.secrets.seal(this.#directory, this.#entry.startId, secrets);
    const running = await this.#spawn(launch, kind.value.settings?.stdin ?? new Uint8Array());
    await failpoint('agent.exec.after-spawn');
    return this.#await(running);
  }

  /** Takes up what an earlier agent began. */
  async resume(): Promise<ExecOutcome | undefined> {
    const { startId, isProcess, file } = this.#entry;
    if (file !== undefined) return this.#put(PutFile.decode(Buffer.from(file, 'base64')), this.#context());
    this.#secrets = this.#services.secrets.open(this.#directory, startId);
    // There when the agent died in the moment of the start.
    rmSync(this.#stdinFile, { force: true });
    const adoption = isProcess ? this.#services.runner.adopt(startId, this.#recordPrefix) : undefined;
    if (adoption?.kind === 'running') return this.#await(adoption.process);
    const isKnown = adoption?.kind === 'ended' && adoption.exit.kind?.$case !== 'unknown';
    return isKnown ? this.#outcome(outcomeOf(adoption.exit), adoption.exit) : this.#outcome(Outcome.LOST_DURING_RUN, unknownExit);
  }

  get #stdinFile(): string {
    return join(this.#directory, 'stdin');
  }

  get #recordPrefix(): string {
    return join(this.#directory, 'run');
  }

  /** Undefined: the host itself. @throws WombatError WO_EXEC_REJECTED */
  #context(): NodeContext | undefined {
    const { targetId } = this.#entry;
    if (targetId === this.#services.hostId) return undefined;
    const context = this.#services.nodeContext(targetId);
    if (!context) throw new WombatError('WO_EXEC_REJECTED', `${targetId} is not on this host`);
    return context;
  }

  async #spawn(launch: ExecLaunch, stdin: Uint8Array): Promise<RunningProcess> {
    const { stdoutFile, stderrFile } = this.#output;
    const stdinFile = stdin.length > 0 ? this.#stdinFile : undefined;
    if (stdinFile) writeFileSync(stdinFile, stdin, { mode: 0o600 });
    const request = { ...launch, startId: this.#entry.startId, recordPrefix: this.#recordPrefix, stdoutFile, stderrFile };
    try {
      return await this.#services.runner.spawn(stdinFile ? { ...request, stdinFile } : request);
    } finally {
      // The command has it open, and nobody else may read it.
      if (stdinFile) rmSync(stdinFile, { force: true });
    }
  }

  async #await(running: RunningProcess): Promise<ExecOutcome | undefined> {
    const { clock } = this.#services;
    const trimming = setInterval(() => this.#look(), trimIntervalMs).unref();
    try {
      if (await endedWithin(running, leftMs(this.#entry, clock), clock, this.#signal)) {
        const exit = await running.exited;
        running.clearStragglers();
        return this.#outcome(outcomeOf(exit), exit);
      }
      if (this.#signal.reason === closing) return undefined;
      const why = this.#signal.aborted ? Outcome.KILLED : Outcome.TIMED_OUT;
      const { exit } = await stopProcess(running, { stopTimeoutMs: 0, termTimeoutMs: this.#entry.killAfterMs ?? limits.killAfterMs, clock });
      return this.#outcome(why, exit);
    } finally {
      clearInterval(trimming);
    }
  }

  #look(): void {
    const { jobId, targetId, live } = this.#entry;
    if (live && this.#secrets) this.#output.tell(this.#mask(this.#secrets), (piece) => this.#services.onProgress({ jobId, targetId, ...piece }));
    this.#output.trim();
  }

  #mask(secrets: readonly string[] | undefined): SecretMask {
    return new SecretMask(this.#services.nodeContext(this.#entry.targetId)?.spec, secrets);
  }

  async #evaluate(kind: ErlangKind, context: NodeContext | undefined): Promise<ExecOutcome | undefined> {
    if (!context) throw new WombatError('WO_EXEC_REJECTED', 'a host evaluates no Erlang; name a node');
    this.#services.policy.checkErlang();
    if (!madeAnew(this.#directory)) return this.#outcome(Outcome.LOST_DURING_RUN, unknownExit);
    const erlCall = erlCallOf(context);
    const timeoutMs = Math.max(1, leftMs(this.#entry, this.#services.clock));
    try {
      const { kind: result, text } = kind.$case === 'erlangEval'
        ? await erlCall.evaluate(kind.value.expressions, timeoutMs, this.#signal, kind.value.text)
        : await erlCall.apply(kind.value.module, kind.value.function, kind.value.arguments, timeoutMs, this.#signal);
      const isValue = result === 'value';
      writeFileSync(isValue ? this.#output.stdoutFile : this.#output.stderrFile, `${text}\n`, { mode: 0o600 });
      return this.#outcome(isValue ? Outcome.OK : Outcome.FAILED, exitCode(isValue ? 0 : 1));
    } catch (error) {
      if (this.#signal.aborted) return this.#interrupted();
      if (WombatError.is(error) && error.code === 'WO_DEADLINE_EXCEEDED') return this.#outcome(Outcome.TIMED_OUT, unknownExit);
      throw error;
    }
  }

  async #put(file: PutFile, context: NodeContext | undefined): Promise<ExecOutcome | undefined> {
    const timeLeftMs = leftMs(this.#entry, this.#services.clock);
    const signal = AbortSignal.any([this.#signal, timeLeftMs === 0 ? AbortSignal.abort() : AbortSignal.timeout(timeLeftMs)]);
    try {
      await putFile(filePutOf(file, this.#entry, context, this.#services), this.#services, signal);
      return outcomeWith(this.#entry, Outcome.OK, undefined, this.#services.clock);
    } catch (error) {
      if (!signal.aborted) throw error;
      if (this.#signal.reason === closing) return undefined;
      return outcomeWith(this.#entry, this.#signal.aborted ? Outcome.KILLED : Outcome.TIMED_OUT, undefined, this.#services.clock);
    }
  }

  #interrupted(): ExecOutcome | undefined {
    return this.#signal.reason === closing ? undefined : this.#outcome(Outcome.KILLED, unknownExit);
  }

  #outcome(outcome: Outcome, exit: ExitStatus): ExecOutcome {
    const { clock, secrets } = this.#services;
    if (!this.#secrets) this.#output.withhold();
    const told = outcomeWith(this.#entry, outcome, exit, clock, this.#output.result(this.#mask(this.#secrets)));
    // What it printed is starred on the disk, too.
    secrets.forget(this.#directory);
    return told;
  }
}

/** False: it has run, but the ledger was damaged and does not know. At most once holds all the same. */
function madeAnew(directory: string): boolean {
  mkdirSync(dirname(directory), { recursive: true, mode: 0o700 });
  try {
    mkdirSync(directory, { mode: 0o700 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function outcomeOf(exit: ExitStatus): Outcome {
  return isSuccess(exit) ? Outcome.OK : Outcome.FAILED;
}
