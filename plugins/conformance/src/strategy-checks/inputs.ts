import { expect } from '../check.js';
import { sampleMembers } from '../run/strategy-context.js';
import type { StrategyCheck } from './strategy-check.js';

export const inputs: StrategyCheck = {
  name: 'inputs',
  promise: 'inputs for templates are named as templates name them, of bounded size; none where DescribeStrategy says so',
  advice: 'A name is a letter and up to 63 letters, digits, `_` and `.`; a value has at most 16,384 characters. `without_inputs` is set only where PlanInputs answers nothing, for any node.',
  async run(context) {
    const strategy = await context.strategy();
    const { withoutInputs } = await context.describe();
    const [self, ...contacts] = sampleMembers(51);
    for (const known of [[], contacts.slice(0, 1), contacts]) {
      const names = Object.keys(await strategy.planInputs(self!, known));
      expect(!withoutInputs || names.length === 0, `it says that it has no inputs, and answers ${names.join(', ')}`);
    }
  },
};
