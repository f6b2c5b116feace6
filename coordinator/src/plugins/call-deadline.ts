import type { CallContext } from '@wombat/plugin-sdk';
import { WombatError } from '@wombat/proto';

/** The deadline of one call. Its timer starts when somebody looks at the signal: a plugin that answers at once never does. */
export class CallDeadline implements CallContext {
  readonly #what: string;
  readonly #timeoutMs: number;
  readonly #parent: AbortSignal;
  readonly #late = new AbortController();
  #signal: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(what: string, timeoutMs: number, parent: AbortSignal) {
    this.#what = what;
    this.#timeoutMs = timeoutMs;
    this.#parent = parent;
  }

  get signal(): AbortSignal {
    return (this.#signal ??= this.#start());
  }

  get hasPassed(): boolean {
    return this.#late.signal.aborted;
  }

  /** The call is over. */
  end(): void {
    clearTimeout(this.#timer);
  }

  #start(): AbortSignal {
    const late = new WombatError('WO_DEADLINE_EXCEEDED', `${this.#what} took longer than ${this.#timeoutMs} ms`);
    this.#timer = setTimeout(() => this.#late.abort(late), this.#timeoutMs);
    return AbortSignal.any([this.#late.signal, this.#parent]);
  }
}
