import { toServiceError, WombatError } from '@wombat/proto';
import type { BootstrapStrategyServiceServer, Member } from '@wombat/proto/plugin';
import type { BootstrapStrategyPlugin, StrategyOptions } from '../bootstrap-strategy.js';
import { unary } from './unary.js';

/** A bootstrap strategy behind the wire. */
export function serveStrategy(plugin: BootstrapStrategyPlugin): BootstrapStrategyServiceServer {
  const answer = <Q, S>(work: (request: Q) => S) => unary<Q, S>(work, toServiceError);
  return {
    describeStrategy: answer(() => ({ description: plugin.description, joinOrder: plugin.joinOrder })),
    validateOptions: answer(({ options }) => ({ notes: [...plugin.validate(readOptions(options))] })),
    planInputs: answer(({ options, self, contacts }) => ({ inputs: { ...plugin.planInputs({ options: readOptions(options), self: given(self), contacts }) } })),
    planJoin: answer(({ options, familyName, self, contacts }) => ({
      steps: [...plugin.planJoin({ options: readOptions(options), familyName, self: given(self), contacts })],
    })),
    planCheck: answer(({ options, self }) => ({ steps: [...plugin.planCheck({ options: readOptions(options), self: given(self) })] })),
    readMembers: answer(({ options, self, output }) => ({ members: [...plugin.readMembers({ options: readOptions(options), self: given(self), output })] })),
    planLeave: answer(({ options, leaving, survivors }) => {
      const { runOnNodeId, steps } = plugin.planLeave({ options: readOptions(options), leaving: given(leaving), survivors });
      return { runOnNodeId, steps: [...steps] };
    }),
  };
}

function given(member: Member | undefined): Member {
  if (!member) throw new WombatError('WO_INVALID_ARGUMENT', 'the node is missing');
  return member;
}

function readOptions(text: string): StrategyOptions {
  const value: unknown = JSON.parse(text || '{}');
  const isText = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every((each) => typeof each === 'string');
  if (!isText) throw new WombatError('WO_INVALID_ARGUMENT', 'options are no JSON object of texts');
  return value as StrategyOptions;
}
