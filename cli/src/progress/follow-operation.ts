import { backoffMs, exitCodes, WombatError, type ErrorCode } from '@wombat/proto';
import { CancelOperationRequest, OperationServiceService, WatchOperationRequest, WatchOperationResponse, type Operation } from '@wombat/proto/control';
import type { Control } from '../control/control.js';
import { newMutation } from '../control/mutation.js';
import { idOf } from '../control/names.js';
import { Interrupted, type Runtime } from '../runtime.js';
import { ask } from '../commands/confirm.js';
import { Interrupts } from './interrupts.js';
import { OperationView } from './operation-view.js';
import { chooseRenderer, type Renderer } from './renderer.js';
import { tellEnd } from './tell-end.js';

export interface FollowOptions {
  /** Stop waiting after so long and leave the operation running. */
  readonly waitMs?: number;
}

/** What came of following: the final operation, or that it still runs. */
export type Followed = { readonly finished: true; readonly operation: Operation; readonly exit: number } | { readonly finished: false; readonly exit: number };

/** For how long a coordinator that has gone away is waited for, without a message from it. */
const patienceMs = 60_000;

class Detached extends Error {}

/** Follows an operation to its end, over restarts of the coordinator; Ctrl-C as the contract of `wo` says. */
export async function followOperation(runtime: Runtime, operation: Operation, options: FollowOptions = {}): Promise<Followed> {
  const control = await runtime.control();
  const view = new OperationView(operation);
  const renderer = chooseRenderer(runtime);
  const stop = new AbortController();
  const giveBack = runtime.takeSignals();
  const interrupts = new Interrupts(runtime.io, runtime.clock, actionsFor(runtime, control, view, renderer, stop));
  const timer = options.waitMs === undefined ? undefined : setTimeout(() => stop.abort(new Detached()), options.waitMs);
  try {
    renderer.changed(view, undefined);
    await watch(runtime, control, view, renderer, stop.signal);
    renderer.end(view);
    return { finished: true, operation: view.operation, exit: tellEnd(runtime, view, renderer.showsEnd) };
  } catch (error) {
    renderer.end(view);
    if (!(error instanceof Detached)) throw error;
    tellHowToGoOn(runtime, idOf(view.operation));
    return { finished: false, exit: exitCodes.stillRunning };
  } finally {
    clearTimeout(timer);
    interrupts.close();
    giveBack();
  }
}

export function tellHowToGoOn(runtime: Runtime, id: string): void {
  runtime.print.warn(`still running; \`wo operation watch ${id}\`, \`wo operation cancel ${id}\``);
}

function actionsFor(runtime: Runtime, control: Control, view: OperationView, renderer: Renderer, stop: AbortController): ConstructorParameters<typeof Interrupts>[2] {
  const id = idOf(view.operation);
  return {
    warn: () => renderer.remark(`leaving ${id} running; Ctrl-C again within 2 s to cancel it`),
    detach: () => stop.abort(new Detached()),
    abandon: () => stop.abort(new Interrupted()),
    askToCancel: async () => {
      if (runtime.flags.yes) return true;
      const resume = renderer.pause(view);
      const answer = await ask(runtime, `cancel ${id}? [y/N] `, stop.signal).finally(resume);
      // Where nobody can be asked, two Ctrl-C in a row are the answer.
      return answer === undefined || /^y(es)?$/i.test(answer.trim());
    },
    cancel: async () => {
      renderer.remark(`cancelling ${id}`);
      await control.call(OperationServiceService.cancelOperation, CancelOperationRequest.fromPartial({ mutation: newMutation(), operation: id }));
    },
  };
}

async function watch(runtime: Runtime, control: Control, view: OperationView, renderer: Renderer, signal: AbortSignal): Promise<void> {
  let silentSince = runtime.clock.monotonic();
  for (let attempt = 0; ; attempt++) {
    try {
      const request = WatchOperationRequest.fromPartial({ operation: idOf(view.operation), afterSequence: view.lastSequence });
      for await (const message of control.stream(OperationServiceService.watchOperation, request, { signal })) {
        if (attempt > 0) renderer.remark('the coordinator is back');
        attempt = 0;
        silentSince = runtime.clock.monotonic();
        if (runtime.print.format === 'jsonl') runtime.print.data(JSON.stringify(WatchOperationResponse.toJSON(message)));
        renderer.changed(view, view.apply(message));
      }
      // Of an operation that has ended long ago, the state comes first and the events after it: only the end of the stream is the end.
      if (view.isFinished) return;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (view.isFinished) return;
      if (!isPassing(error) || runtime.clock.monotonic() - silentSince > patienceMs) throw error;
    }
    if (attempt === 0) renderer.remark('the coordinator went away; the operation goes on when it is back');
    await runtime.clock.sleep(backoffMs(attempt, { initialMs: 200, maximumMs: 2_000 }), signal);
  }
}

function isPassing(error: unknown): boolean {
  const passing: readonly ErrorCode[] = ['WO_COORDINATOR_UNREACHABLE', 'WO_UNAVAILABLE'];
  return WombatError.is(error) && passing.includes(error.code);
}
