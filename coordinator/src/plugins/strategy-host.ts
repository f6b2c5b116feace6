import { Limiter, type BootstrapStrategyPlugin, type CallContext, type Member, type Note, type Step, type StrategyOptions } from '@wombat/plugin-sdk';
import { durationToMs, orAborted, WombatError, type ErrorCode } from '@wombat/proto';
import { Step as StepCodec, type Action } from '@wombat/proto/types';
import { z } from 'zod';
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

const longest = { steps: 64, stepBytes: 32 * 1024, deadlineMs: 3_600_000, inputs: 256, members: 20_000 } as const;
const inputName = /^[A-Za-z_][A-Za-z0-9_.]{0,63}$/;
const members = z.array(z.string().min(1).max(255)).max(longest.members);
const inputs = z.record(z.string().regex(inputName), z.string().max(16_384));
const leave = z.object({ runOnNodeId: z.string(), steps: z.unknown() });

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
    return await this.#ask('planInputs', context, (call) => this.#plugin.planInputs(request, call), (answer) => inputs.parse(answer));
  }

  async planJoin(request: Request<'planJoin'>, context: CallContext): Answer<'planJoin'> {
    return await this.#ask('planJoin', context, (call) => this.#plugin.planJoin(request, call), checkSteps);
  }

  async planCheck(request: Request<'planCheck'>, context: CallContext): Answer<'planCheck'> {
    return await this.#ask('planCheck', context, (call) => this.#plugin.planCheck(request, call), checkSteps);
  }

  async readMembers(request: Request<'readMembers'>, context: CallContext): Answer<'readMembers'> {
    return await this.#ask('readMembers', context, (call) => this.#plugin.readMembers(request, call), (answer) => members.parse(answer).map((name) => oneLine(name, 255)));
  }

  async planLeave(request: Request<'planLeave'>, context: CallContext): Answer<'planLeave'> {
    return await this.#ask('planLeave', context, (call) => this.#plugin.planLeave(request, call), (answer) => {
      const plan = leave.parse(answer);
      checkRunner(plan.runOnNodeId, [request.leaving, ...request.survivors]);
      return { runOnNodeId: plan.runOnNodeId, steps: checkSteps(plan.steps) };
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

/** Only nodes of the family may be made to run something. */
function checkRunner(nodeId: string, known: readonly Member[]): void {
  if (nodeId !== '' && !known.some((member) => member.nodeId === nodeId)) throw new Error('the leave runs on a node that is not of the family');
}

function checkSteps(value: unknown): readonly Step[] {
  if (!Array.isArray(value) || value.length > longest.steps) throw new Error(`answered no list of at most ${longest.steps} steps`);
  return value.map((each: unknown, index) => {
    try {
      return checkStep(each);
    } catch (error) {
      throw new Error(`step ${index + 1}: ${reasonOf(error)}`, { cause: error });
    }
  });
}

function checkStep(value: unknown): Step {
  // What cannot be encoded is no step; what comes back holds known fields only.
  const bytes = StepCodec.encode(value as Step).finish();
  if (bytes.length > longest.stepBytes) throw new Error(`is larger than ${longest.stepBytes} bytes`);
  const step = StepCodec.decode(bytes);
  const deadlineMs = durationToMs(step.deadline) ?? 0;
  if (step.name === '') throw new Error('has no name');
  if (deadlineMs <= 0 || deadlineMs > longest.deadlineMs) throw new Error('has no deadline, or one of more than an hour');
  checkAction(step.action);
  return { ...step, name: oneLine(step.name, 64) };
}

function checkAction(action: Action | undefined): void {
  const { kind } = action ?? {};
  switch (kind?.$case) {
    case 'command':
      if (!kind.value.argv[0]) throw new Error('runs no program');
      if (kind.value.argv.some((word) => word.includes('\0'))) throw new Error('has a NUL character in its command');
      return;
    case 'erlangApply':
      if (kind.value.module === '' || kind.value.function === '') throw new Error('calls no function');
      return;
    case 'erlangEval':
      if (kind.value.expressions.trim() === '') throw new Error('evaluates nothing');
      return;
    default:
      throw new Error('does nothing');
  }
}
