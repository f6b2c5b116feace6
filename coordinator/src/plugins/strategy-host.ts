import type { BootstrapStrategyPlugin, Member, Note, Step, StrategyOptions } from '@wombat/plugin-sdk';
import { durationToMs, WombatError } from '@wombat/proto';
import { Step as StepCodec, type Action } from '@wombat/proto/types';
import { z } from 'zod';
import { readNotes } from './notes.js';
import { oneLine } from './one-line.js';
import { pluginFault, reasonOf } from './plugin-fault.js';

type Plugin = BootstrapStrategyPlugin;
type Request<M extends 'planInputs' | 'planJoin' | 'planCheck' | 'readMembers' | 'planLeave'> = Parameters<Plugin[M]>[0];

const longest = { steps: 64, stepBytes: 32 * 1024, deadlineMs: 3_600_000, inputs: 256, members: 20_000 } as const;
const inputName = /^[A-Za-z_][A-Za-z0-9_.]{0,63}$/;
const members = z.array(z.string().min(1).max(255)).max(longest.members);
const inputs = z.record(z.string().regex(inputName), z.string().max(16_384));
const leave = z.object({ runOnNodeId: z.string(), steps: z.unknown() });

/**
 * A bootstrap strategy behind a guard: what it throws bears its name, and its steps are run only when
 * they are whole. A refusal that the strategy means (a WombatError) keeps its code.
 */
export class StrategyHost implements BootstrapStrategyPlugin {
  readonly kind = 'bootstrap-strategy';
  readonly description: Plugin['description'];
  readonly joinOrder: Plugin['joinOrder'];
  readonly #plugin: Plugin;
  readonly #who: string;

  constructor(plugin: Plugin) {
    this.#plugin = plugin;
    this.description = plugin.description;
    this.joinOrder = plugin.joinOrder;
    this.#who = `strategy(${plugin.description.name})`;
  }

  validate(options: StrategyOptions): readonly Note[] {
    return this.#guard('validate', () => readNotes(this.#plugin.validate(options)));
  }

  planInputs(request: Request<'planInputs'>): Readonly<Record<string, string>> {
    return this.#guard('planInputs', () => inputs.parse(this.#plugin.planInputs(request)));
  }

  planJoin(request: Request<'planJoin'>): readonly Step[] {
    return this.#guard('planJoin', () => checkSteps(this.#plugin.planJoin(request)));
  }

  planCheck(request: Request<'planCheck'>): readonly Step[] {
    return this.#guard('planCheck', () => checkSteps(this.#plugin.planCheck(request)));
  }

  readMembers(request: Request<'readMembers'>): readonly string[] {
    return this.#guard('readMembers', () => members.parse(this.#plugin.readMembers(request)).map((name) => oneLine(name, 255)));
  }

  planLeave(request: Request<'planLeave'>): { readonly runOnNodeId: string; readonly steps: readonly Step[] } {
    return this.#guard('planLeave', () => {
      const plan = leave.parse(this.#plugin.planLeave(request));
      checkRunner(plan.runOnNodeId, [request.leaving, ...request.survivors]);
      return { runOnNodeId: plan.runOnNodeId, steps: checkSteps(plan.steps) };
    });
  }

  #guard<T>(what: string, call: () => T): T {
    try {
      return call();
    } catch (error) {
      if (WombatError.is(error)) {
        throw new WombatError(error.code, `${this.#who}: ${oneLine(error.message, 500)}`, { hint: error.hint, cause: error });
      }
      throw pluginFault(this.#who, `${what} failed: ${reasonOf(error)}`, error);
    }
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
