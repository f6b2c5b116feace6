import { sampleMembers } from '../run/strategy-context.js';
import type { StrategyCheck } from './strategy-check.js';

/** Selectors give no more. */
const mostContacts = 50;
const manySurvivors = 2_000;

export const steps: StrategyCheck = {
  name: 'steps',
  promise: 'steps are whole and bounded, each with a deadline, also in large families',
  advice: 'At most 64 steps of 32 KiB each; each has a name, a deadline of at most an hour for all its attempts, and something to do.',
  async run(context) {
    const strategy = await context.strategy();
    const [self, ...others] = sampleMembers(manySurvivors + 1);
    for (const count of [0, 1, 2, mostContacts]) await strategy.planJoin(self!, others.slice(0, count));
    await strategy.planCheck(self!);
    for (const count of [0, 1, manySurvivors]) await strategy.planLeave(self!, others.slice(0, count));
  },
};
