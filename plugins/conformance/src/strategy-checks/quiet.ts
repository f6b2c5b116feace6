import { systemClock } from '@wombat/proto';
import { expect } from '../check.js';
import { sampleMembers } from '../run/strategy-context.js';
import type { StrategyCheck } from './strategy-check.js';

const calls = 100;
const mostLines = 20;
/** Until what was printed has come. */
const restMs = 200;

export const quiet: StrategyCheck = {
  name: 'quiet',
  promise: 'does not print with every call: what it prints goes to the log of the coordinator',
  advice: 'A family of thousands is thousands of calls. Print what somebody must do something about.',
  async run(context) {
    const strategy = await context.strategy();
    const [self, ...contacts] = sampleMembers(3);
    const before = context.printed.length;
    for (let call = 0; call < calls; call += 1) await (call % 2 === 0 ? strategy.planJoin(self!, contacts) : strategy.planInputs(self!, contacts));
    await systemClock.sleep(restMs);
    const lines = context.printed.length - before;
    expect(lines <= mostLines, `it printed ${lines} lines in ${calls} calls`);
  },
};
