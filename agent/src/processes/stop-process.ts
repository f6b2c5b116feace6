import type { Clock } from '@wombat/proto';
import type { ExitStatus } from '@wombat/proto/agent';
import { linkedTo } from './abort-link.js';
import type { Supervised } from './supervised.js';
import { untilKnown } from './until-known.js';

/** What was needed to end a process, from the mildest to the hardest. */
export type StopStep = 'none' | 'action' | 'term' | 'kill';

export interface StopRequest {
  /** Asks it to end in good order. Rejects when that cannot work, and TERM follows at once. */
  readonly action?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** From the start of the action to TERM. */
  readonly stopTimeoutMs: number;
  /** From TERM to KILL. */
  readonly termTimeoutMs: number;
  readonly clock: Clock;
  /** Gives up where it is: the agent ends, and its successor goes on. */
  readonly signal?: AbortSignal;
  /** Called as each step begins. */
  readonly onStep?: (step: Exclude<StopStep, 'none'>) => void;
}

const recordTimeoutMs = 1_000;
const clearRounds = 100;
const clearPauseMs = 10;
/** Between two rounds of KILL: a fork may escape the first. */
const killRoundMs = 50;
/** After these the shim is killed too, and the exit status is unknown. */
const killRounds = 40;

/**
 * Ends the whole session: action, TERM, KILL, each given its time.
 * @throws the signal's reason
 */
export async function stopProcess(running: Supervised, request: StopRequest): Promise<{ step: StopStep; exit: ExitStatus }> {
  const step = await endBySteps(running, request);
  const exit = await running.exited;
  await clearAll(running, step === 'kill', request.clock);
  return { step, exit };
}

/** Until nothing is left: what is killed takes a moment to die, and may have forked before. */
async function clearAll(running: Supervised, otherGroups: boolean, clock: Clock): Promise<void> {
  for (let round = 0; round < clearRounds && running.clearStragglers({ otherGroups }) > 0; round++) await clock.sleep(clearPauseMs);
}

async function endBySteps(running: Supervised, request: StopRequest): Promise<StopStep> {
  const { clock, onStep, action, signal } = request;
  await untilKnown(running, recordTimeoutMs, clock);
  if (running.exit) return 'none';
  if (action) {
    onStep?.('action');
    if (await endedByAction(running, action, request)) return 'action';
  }
  signal?.throwIfAborted();
  onStep?.('term');
  running.signal('SIGTERM');
  if (await endedWithin(running, request.termTimeoutMs, clock, signal)) return 'term';
  signal?.throwIfAborted();
  onStep?.('kill');
  for (let round = 0; !running.exit; round++) {
    signal?.throwIfAborted();
    running.killSession({ shim: round >= killRounds });
    if (await endedWithin(running, killRoundMs, clock, signal)) break;
  }
  return 'kill';
}

async function endedByAction(running: Supervised, action: (signal: AbortSignal) => Promise<void>, request: StopRequest): Promise<boolean> {
  const { controller: abort, unlink } = linkedTo(request.signal);
  const failed = action(abort.signal).then(
    () => new Promise<boolean>(() => undefined),
    () => running.exit !== undefined,
  );
  try {
    return await Promise.race([endedWithin(running, request.stopTimeoutMs, request.clock, abort.signal), failed]);
  } finally {
    unlink();
    abort.abort();
  }
}

/** Resolves true at its end, false after the time, or when the signal fires. */
export async function endedWithin(running: Supervised, timeoutMs: number, clock: Clock, signal?: AbortSignal): Promise<boolean> {
  if (running.exit) return true;
  const { controller: timer, unlink } = linkedTo(signal);
  const elapsed = clock.sleep(timeoutMs, timer.signal).then(() => false, () => running.exit !== undefined);
  try {
    return await Promise.race([running.exited.then(() => true), elapsed]);
  } finally {
    unlink();
    // Nobody hears it, and to make an error takes as long as the rest of this.
    timer.abort('over');
  }
}
