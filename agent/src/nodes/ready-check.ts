import { connect } from 'node:net';
import { WombatError, durationToMs, type Clock } from '@wombat/proto';
import type { ReadyCheck } from '@wombat/proto/agent';
import type { ErlCall } from '../erlang/erl-call.js';
import { runNodeAction } from './node-action.js';
import { erlCallOf, type NodeContext } from './node-context.js';
import { readyTimeoutMs } from './node-launch.js';

/** A release that says nothing of readiness is taken for ready after this. */
const defaultAliveForMs = 100;
const firstPauseMs = 10;
const longestPauseMs = 500;
const longestAttemptMs = 10_000;
const timedOut = 'the check took too long';

export interface ReadyWait {
  readonly context: NodeContext;
  readonly clock: Clock;
  readonly aliveSinceMs: number;
  /** Fires when the process ends, a newer generation comes, or the agent stops. */
  readonly signal: AbortSignal;
  /** Of the wait that is left. */
  readonly timeoutMs: number;
}

/**
 * Resolves when the check succeeds.
 * @throws WombatError WO_NODE_NOT_READY after the timeout, with what the last attempt said; or the signal's reason
 */
export async function untilReady(check: ReadyCheck | undefined, wait: ReadyWait): Promise<void> {
  const { clock, signal } = wait;
  if (!check?.kind) return aliveFor(defaultAliveForMs, wait);
  if (check.kind.$case === 'aliveFor') return aliveFor(durationToMs(check.kind.value) ?? defaultAliveForMs, wait);
  const deadlineMs = clock.monotonic() + wait.timeoutMs;
  for (let pauseMs = firstPauseMs, said = ''; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    const leftMs = deadlineMs - clock.monotonic();
    if (leftMs <= 0) throw notReady(wait, said);
    const attempt = await tryOnce(check, wait, Math.min(longestAttemptMs, leftMs));
    if (attempt === undefined) return;
    // An attempt that the deadline cut short says less than the one before.
    if (attempt !== timedOut || said === '') said = attempt;
    await clock.sleep(Math.min(pauseMs, Math.max(1, deadlineMs - clock.monotonic())), signal);
  }
}

async function aliveFor(ms: number, { clock, aliveSinceMs, signal }: ReadyWait): Promise<void> {
  await clock.sleep(Math.min(ms, Math.max(0, aliveSinceMs + ms - clock.now())), signal);
}

/** Undefined when ready, else what is wrong. */
async function tryOnce(check: ReadyCheck, { context, signal }: ReadyWait, timeoutMs: number): Promise<string | undefined> {
  try {
    switch (check.kind?.$case) {
      case 'erlangPing':
        return await booted(erlCallOf(context), timeoutMs, signal);
      case 'tcpPortName':
        return (await listens(check.kind.value, context, timeoutMs)) ? undefined : `nothing listens on port ${check.kind.value}`;
      case 'action': {
        const { succeeded, output } = await runNodeAction(check.kind.value, context, timeoutMs, signal);
        return succeeded ? undefined : output;
      }
      default:
        return undefined;
    }
  } catch (error) {
    signal.throwIfAborted();
    return WombatError.is(error) && error.code === 'WO_DEADLINE_EXCEEDED' ? timedOut : (error as Error).message;
  }
}

async function booted(node: ErlCall, timeoutMs: number, signal: AbortSignal): Promise<string | undefined> {
  if (!(await node.ping(timeoutMs, signal))) return 'the Erlang node does not answer';
  return (await node.hasBooted(timeoutMs, signal)) ? undefined : 'the Erlang node answers, but has not started all its applications';
}

function listens(portName: string, { spec }: NodeContext, timeoutMs: number): Promise<boolean> {
  const port = spec.ports.find(({ name }) => name === portName);
  if (!port) throw new WombatError('WO_NODE_NOT_READY', `the node has no port named ${JSON.stringify(portName)}`);
  return new Promise((resolve) => {
    const socket = connect({ port: port.number, host: spec.address || '127.0.0.1' });
    const finish = (isListening: boolean): void => {
      socket.destroy();
      resolve(isListening);
    };
    socket.setTimeout(timeoutMs, () => finish(false));
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

/** Tells the whole of the time, of which an earlier agent may have waited a part. */
function notReady({ context }: ReadyWait, said: string): WombatError {
  const why = said.trim().split('\n').at(-1)?.slice(0, 200) ?? '';
  const seconds = Math.round(readyTimeoutMs(context) / 100) / 10;
  return new WombatError('WO_NODE_NOT_READY', `${context.spec.name} was not ready after ${seconds} s${why ? `: ${why}` : ''}`);
}
