import { Limiter, type BootstrapStrategyPlugin, type CallContext, type Note, type Step, type StrategyOptions } from '@wombat/plugin-sdk';
import { readInputs, readLeave, readMemberNames, readSteps } from '@wombat/plugin-sdk/host';
import { orAborted, WombatError, type ErrorCode } from '@wombat/proto';
import type { StrategyCalls } from '../engine/ports.js';
import { CallDeadline } from './call-deadline.js';
import { readNotes } from './notes.js';
import { oneLine } from './one-line.js';
import { pluginFault, reasonOf } from './plugin-fault.js';
import { isSupervised } from './supervised.js';

type Plugin = BootstrapStrategyPlugin;
type Planning = 'planInputs' | 'planJoin' | 'planCheck' | 'readMembers' | 'planLeave';
type Request<M extends Planning> = Parameters<Plugin[M]>[0];
type Answer<M extends Planning> = Promise<Awaited<ReturnType<Plugin[M]>>>;

const noInputs: Readonly<Record<string, string>> = Object.freeze({});

/** What a strategy may refuse with; no other code means anything of it. */
const refusals: ReadonlySet<ErrorCode> = new Set(['WO_NODE_JOIN_FAILED', 'WO_SETTINGS_INVALID', 'WO_INVALID_ARGUMENT', 'WO_PLUGIN_UNAVAILABLE']);

/** Of a program: what else is asked waits, and its deadline with it. */
const callsAtOnce = 32;

export interface StrategyHostOptions {
  /**
   * For one call. It plans and does no I/O; a program that was ended is started again within it.
   * @default 10 s
   */
  readonly answerMs?: number;
}

/**
 * A bootstrap strategy behind a guard: keeps the deadlines, what it throws bears its name, and its steps are run only
 * when they are whole. A refusal that the strategy means keeps its code; WO_PLUGIN_UNAVAILABLE is not its last word.
 */
export class StrategyHost implements StrategyCalls {
  readonly description: Plugin['description'];
  readonly joinOrder: Plugin['joinOrder'];
  readonly #plugin: Plugin;
  readonly #who: string;
  readonly #answerMs: number;
  readonly #slots: Limiter | undefined;

  constructor(plugin: Plugin, { answerMs = 10_000 }: StrategyHostOptions = {}) {
    this.#plugin = plugin;
    this.description = plugin.description;
    this.joinOrder = plugin.joinOrder;
    this.#who = `strategy(${plugin.description.name})`;
    this.#answerMs = answerMs;
    this.#slots = isSupervised(plugin) ? new Limiter(callsAtOnce) : undefined;
  }

  async validate(options: StrategyOptions, context: CallContext): Promise<readonly Note[]> {
    return await this.#ask('validate', context, (call) => this.#plugin.validate(options, call), readNotes);
  }

  async planInputs(request: Request<'planInputs'>, context: CallContext): Answer<'planInputs'> {
    // It is asked for each node of a host that connects.
    if (this.#plugin.withoutInputs) return noInputs;
    return await this.#ask('planInputs', context, (call) => this.#plugin.planInputs(request, call), readInputs);
  }

  async planJoin(request: Request<'planJoin'>, context: CallContext): Answer<'planJoin'> {
    return await this.#ask('planJoin', context, (call) => this.#plugin.planJoin(request, call), (answer) => withoutControls(readSteps(answer)));
  }

  async planCheck(request: Request<'planCheck'>, context: CallContext): Answer<'planCheck'> {
    return await this.#ask('planCheck', context, (call) => this.#plugin.planCheck(request, call), (answer) => withoutControls(readSteps(answer)));
  }

  async readMembers(request: Request<'readMembers'>, context: CallContext): Answer<'readMembers'> {
    return await this.#ask('readMembers', context, (call) => this.#plugin.readMembers(request, call), (answer) => readMemberNames(answer).map((name) => oneLine(name, 255)));
  }

  async planLeave(request: Request<'planLeave'>, context: CallContext): Answer<'planLeave'> {
    return await this.#ask('planLeave', context, (call) => this.#plugin.planLeave(request, call), (answer) => {
      const plan = readLeave(answer, [request.leaving, ...request.survivors]);
      return { ...plan, steps: withoutControls(plan.steps) };
    });
  }

  async #ask<T>(what: string, { signal }: CallContext, call: (context: CallContext) => unknown, read: (answer: unknown) => T): Promise<T> {
    const release = await this.#slots?.acquire();
    const deadline = new CallDeadline(what, this.#answerMs, signal);
    try {
      signal.throwIfAborted();
      const answer = call(deadline);
      return read(answer instanceof Promise ? await orAborted(answer, deadline.signal) : answer);
    } catch (error) {
      signal.throwIfAborted();
      // Who hangs in one call is not asked others.
      if (deadline.hasPassed && isSupervised(this.#plugin)) this.#plugin.hangs();
      throw this.#failure(what, error);
    } finally {
      deadline.end();
      release?.();
    }
  }

  #failure(what: string, error: unknown): WombatError {
    if (!WombatError.is(error)) return pluginFault(this.#who, `${what} failed: ${reasonOf(error)}`, error);
    const message = `${this.#who}: ${oneLine(error.message, 500)}`;
    if (error.code === 'WO_DEADLINE_EXCEEDED') return new WombatError('WO_PLUGIN_UNAVAILABLE', message, { cause: error });
    if (refusals.has(error.code)) return new WombatError(error.code, message, { hint: oneLine(error.hint, 500), cause: error });
    return pluginFault(this.#who, `${what} failed: ${oneLine(error.message, 500)}`, error);
  }
}

function withoutControls(steps: readonly Step[]): readonly Step[] {
  return steps.map((step) => ({ ...step, name: oneLine(step.name, 64) }));
}
