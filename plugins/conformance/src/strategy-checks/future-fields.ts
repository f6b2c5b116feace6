import { isDeepStrictEqual } from 'node:util';
import { BootstrapStrategyServiceService as methods } from '@wombat/proto/plugin';
import { expect } from '../check.js';
import { withFutureFields } from '../run/future-fields.js';
import { sampleMembers } from '../run/strategy-context.js';
import type { StrategyCheck } from './strategy-check.js';

export const futureFields: StrategyCheck = {
  name: 'future-fields',
  promise: 'ignores fields that a later version of the contract may bring',
  advice: 'Read requests with code generated from the contract, and do not compare or re-encode their bytes.',
  async run(context) {
    const program = await context.subject();
    const options = JSON.stringify(context.options.options ?? {});
    const [self, ...contacts] = sampleMembers(3);
    const join = { options, familyName: 'Conformance', self, contacts };
    const leave = { options, leaving: self, survivors: contacts };
    await program.call(withFutureFields(methods.validateOptions), { options });
    expect(isDeepStrictEqual(await program.call(withFutureFields(methods.planJoin), join), await program.call(methods.planJoin, join)), 'it plans another join when the request has an unknown field');
    expect(isDeepStrictEqual(await program.call(withFutureFields(methods.planLeave), leave), await program.call(methods.planLeave, leave)), 'it plans another leave when the request has an unknown field');
  },
};
