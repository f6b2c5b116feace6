import { toServiceError, WombatError } from '@wombat/proto';
import type { BootstrapStrategyServiceServer, Member } from '@wombat/proto/plugin';
import type { BootstrapStrategyPlugin, StrategyOptions } from '../bootstrap-strategy.js';
import type { CallContext } from '../provider.js';
import { unary } from './unary.js';

/** A bootstrap strategy behind the wire. */
export function serveStrategy(plugin: BootstrapStrategyPlugin): BootstrapStrategyServiceServer {
  const answer = <Q, S>(work: (request: Q, context: CallContext) => Promise<S> | S) => unary<Q, S>(work, toServiceError);
  return {
    describeStrategy: answer(() => ({ description: plugin.description, joinOrder: plugin.joinOrder, withoutInputs: plugin.withoutInputs ?? false })),
    validateOptions: answer(async ({ options }, context) => ({ notes: [...await plugin.validate(readOptions(options), context)] })),
    planInputs: answer(async ({ options, self, contacts }, context) => ({
      inputs: { ...await plugin.planInputs({ options: readOptions(options), self: given(self), contacts }, context) },
    })),
    planJoin: answer(async ({ options, familyName, self, contacts }, context) => ({
      steps: [...await plugin.planJoin({ options: readOptions(options), familyName, self: given(self), contacts }, context)],
    })),
    planCheck: answer(async ({ options, self }, context) => ({ steps: [...await plugin.planCheck({ options: readOptions(options), self: given(self) }, context)] })),
    readMembers: answer(async ({ options, self, output }, context) => ({
      members: [...await plugin.readMembers({ options: readOptions(options), self: given(self), output }, context)],
    })),
    planLeave: answer(async ({ options, leaving, survivors }, context) => {
      const { runOnNodeId, steps } = await plugin.planLeave({ options: readOptions(options), leaving: given(leaving), survivors }, context);
      return { runOnNodeId, steps: [...steps] };
    }),
  };
}

function given(member: Member | undefined): Member {
  if (!member) throw new WombatError('WO_INVALID_ARGUMENT', 'the node is missing');
  return member;
}

function readOptions(text: string): StrategyOptions {
  const value = parsed(text);
  const isText = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every((each) => typeof each === 'string');
  if (!isText) throw new WombatError('WO_INVALID_ARGUMENT', 'options are no JSON object of texts');
  return value as StrategyOptions;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text || '{}');
  } catch {
    return undefined;
  }
}
