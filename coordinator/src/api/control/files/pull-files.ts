import { durationToMs, limits, toErrorDetail, WombatError, type Clock } from '@wombat/proto';
import { Outcome } from '@wombat/proto/agent';
import { JobTarget, type PullFilesRequest, type PullFilesResponse } from '@wombat/proto/control';
import type { JobTargetRef } from '../../../engine/jobs/job-target-ref.js';
import { requireTargets } from '../../../engine/jobs/resolve-targets.js';
import type { Fleet } from '../../../fleet/fleet.js';
import type { Store } from '../../../store/store.js';
import { Confluence } from '../logs/confluence.js';
import { askedFor } from '../match-answers.js';
import { checkedParts } from './checked-parts.js';

export interface PullTools {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly clock: Clock;
  /** Of all the files of one target. */
  readonly maximumBytes: number;
}

interface Pull extends PullTools {
  readonly path: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const defaultTimeoutMs = 10 * 60_000;
/** Targets that are read at a time. Each is one message ahead of whoever reads, so the slowest holds all of them up. */
const targetsAtOnce = 8;

/** @throws WombatError WO_NOT_FOUND, WO_NO_TARGETS, WO_EXPRESSION_INVALID, WO_INVALID_ARGUMENT before anything is read */
export async function* pullFiles(tools: PullTools, request: PullFilesRequest, caller: AbortSignal): AsyncGenerator<PullFilesResponse> {
  const { path, exceptTargetIds } = request;
  const timeoutMs = durationToMs(request.timeout) ?? defaultTimeoutMs;
  if (path === '' || path.includes('\0') || Buffer.byteLength(path) > limits.pathBytes) throw new WombatError('WO_INVALID_ARGUMENT', 'there is no path to fetch', { hint: 'wo pull EXPRESSION:PATH DIRECTORY' });
  if (timeoutMs <= 0) throw new WombatError('WO_INVALID_ARGUMENT', 'files need some time', { hint: 'give --timeout 60s or longer' });
  const { text, targets } = await requireTargets(tools.store.read, askedFor(request));
  yield { kind: { $case: 'begun', value: { expression: text, targetCount: targets.length } } };
  const left = new AbortController();
  const pull: Pull = { ...tools, path, timeoutMs, signal: AbortSignal.any([caller, left.signal]) };
  const except = new Set(exceptTargetIds);
  const waiting = targets.filter(({ targetId }) => !except.has(targetId));
  const all = new Confluence<PullFilesResponse>();
  for (let lane = 0; lane < targetsAtOnce; lane++) all.add(inTurn(waiting, pull));
  try {
    yield* all.read();
  } finally {
    left.abort(new WombatError('WO_CANCELLED', 'the caller has enough'));
  }
}

/** The next of those that wait, until there is none. */
async function* inTurn(waiting: JobTargetRef[], pull: Pull): AsyncGenerator<PullFilesResponse> {
  for (let target = waiting.shift(); target; target = waiting.shift()) yield* pullTarget(target, pull);
}

async function* pullTarget({ targetId, targetName, hostId }: JobTargetRef, { fleet, clock, path, maximumBytes, timeoutMs, signal }: Pull): AsyncGenerator<PullFilesResponse> {
  const startedAt = new Date(clock.now());
  const deadline = AbortSignal.timeout(timeoutMs);
  const told = (outcome: Outcome, error?: WombatError): PullFilesResponse => {
    const value = JobTarget.fromPartial({ targetId, targetName, hostId, outcome, startedAt, finishedAt: new Date(clock.now()) });
    return { kind: { $case: 'target', value: { ...value, error: error && toErrorDetail(error) } } };
  };
  let isAsked = false;
  try {
    if (!fleet.isConnected(hostId)) throw new WombatError('WO_HOST_UNREACHABLE', 'the agent of the host has no session', { hint: `see since when: wo host show ${hostId}` });
    isAsked = true;
    const purpose = { $case: 'readFiles' as const, value: { targetId, path, mostBytes: BigInt(maximumBytes), mostFiles: limits.pulledFiles } };
    const channel = fleet.openChannel(hostId, purpose, AbortSignal.any([signal, deadline]));
    for await (const part of checkedParts(channel, { mostBytes: maximumBytes, mostFiles: limits.pulledFiles })) {
      yield { kind: { $case: 'part', value: { targetId, targetName, part } } };
    }
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.aborted) return yield told(Outcome.TIMED_OUT);
    const reason = WombatError.from(error);
    // The coordinator itself stops: whoever asked may ask its successor.
    if (reason.code === 'WO_UNAVAILABLE') throw reason;
    return yield told(outcomeFor(reason, isAsked), reason);
  }
  yield told(Outcome.OK);
}

const refusals: readonly string[] = ['WO_EXEC_REJECTED', 'WO_RATE_LIMITED', 'WO_METHOD_UNKNOWN'];

function outcomeFor({ code }: WombatError, isAsked: boolean): Outcome {
  if (code === 'WO_HOST_UNREACHABLE') return isAsked ? Outcome.LOST_DURING_RUN : Outcome.UNREACHABLE_BEFORE_SEND;
  return refusals.includes(code) ? Outcome.REJECTED : Outcome.FAILED;
}
