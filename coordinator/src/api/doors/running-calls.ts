import { WombatError } from '@wombat/proto';
import type { Identity } from '../../auth/identity.js';

/** The signal of one call, from its beginning until `end()`. */
export interface CallScope {
  readonly signal: AbortSignal;
  abort(reason: WombatError): void;
  end(): void;
}

/** Calls of one token at a time, streams among them. */
const defaultMaximum = 500;

/** The calls that run behind the doors, so that a stop, or the end of a token, reaches all of them. */
export class RunningCalls {
  /** Each call, and the token that it came with. */
  private readonly running = new Map<AbortController, string>();
  private readonly counts = new Map<string, number>();
  private stopped: WombatError | undefined;

  constructor(private readonly maximumOfOneToken = defaultMaximum) {}

  get size(): number {
    return this.running.size;
  }

  /** @throws WombatError WO_RATE_LIMITED when too many calls with the same token run */
  begin(identity: Identity): CallScope {
    const controller = new AbortController();
    const token = identity.kind === 'operator' ? identity.id : '';
    if (this.stopped) controller.abort(this.stopped);
    else this.add(controller, token);
    return {
      signal: controller.signal,
      abort: (reason) => {
        // A call that has ended is closed like one that was cancelled: nobody is left to be told.
        if (this.remove(controller)) controller.abort(reason);
      },
      end: () => void this.remove(controller),
    };
  }

  /** Ends the calls of one token. */
  endOf(token: string, reason: WombatError): void {
    for (const [controller, its] of [...this.running]) if (its === token && this.remove(controller)) controller.abort(reason);
  }

  /** Ends every call, and each one that comes later, with WO_UNAVAILABLE. */
  stop(): void {
    this.stopped ??= new WombatError('WO_UNAVAILABLE', 'the coordinator is stopping');
    for (const controller of [...this.running.keys()]) if (this.remove(controller)) controller.abort(this.stopped);
  }

  private add(controller: AbortController, token: string): void {
    const count = (this.counts.get(token) ?? 0) + 1;
    if (token !== '' && count > this.maximumOfOneToken) {
      throw new WombatError('WO_RATE_LIMITED', `more than ${this.maximumOfOneToken} calls with one token at a time`, { details: { retryAfterMs: '1000' } });
    }
    this.counts.set(token, count);
    this.running.set(controller, token);
  }

  private remove(controller: AbortController): boolean {
    const token = this.running.get(controller);
    if (token === undefined) return false;
    this.running.delete(controller);
    const left = this.counts.get(token)! - 1;
    if (left === 0) this.counts.delete(token);
    else this.counts.set(token, left);
    return true;
  }
}
