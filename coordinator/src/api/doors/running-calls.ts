import { WombatError } from '@wombat/proto';

/** The signal of one call, from its beginning until `end()`. */
export interface CallScope {
  readonly signal: AbortSignal;
  abort(reason: WombatError): void;
  end(): void;
}

/** The calls that run behind the doors, so that a stop reaches all of them. */
export class RunningCalls {
  private readonly running = new Set<AbortController>();
  private stopped: WombatError | undefined;

  get size(): number {
    return this.running.size;
  }

  begin(): CallScope {
    const controller = new AbortController();
    if (this.stopped) controller.abort(this.stopped);
    else this.running.add(controller);
    return {
      signal: controller.signal,
      abort: (reason) => {
        // A call that has ended is closed like one that was cancelled: nobody is left to be told.
        if (this.running.delete(controller)) controller.abort(reason);
      },
      end: () => void this.running.delete(controller),
    };
  }

  /** Ends every call, and each one that comes later, with WO_UNAVAILABLE. */
  stop(): void {
    this.stopped ??= new WombatError('WO_UNAVAILABLE', 'the coordinator is stopping');
    for (const controller of [...this.running]) {
      this.running.delete(controller);
      controller.abort(this.stopped);
    }
  }
}
