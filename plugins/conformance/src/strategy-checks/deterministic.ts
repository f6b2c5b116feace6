import { isDeepStrictEqual } from 'node:util';
import { expect } from '../check.js';
import type { AskedStrategy } from '../run/asked-strategy.js';
import { sampleMembers } from '../run/strategy-context.js';
import type { StrategyCheck } from './strategy-check.js';

type Question = readonly [what: string, ask: (strategy: AskedStrategy) => Promise<unknown>];

export const deterministic: StrategyCheck = {
  name: 'deterministic',
  promise: 'the same question gets the same answer: a second time, at once with others, and from another process',
  advice: 'Keep nothing between calls, and use neither the time, nor chance, nor what lies on this machine: the coordinator may ask another process than before, or ask again.',
  async run(context) {
    const questions = questionsAbout();
    const first = await answers(questions, await context.strategy());
    const again = (await answers([...questions].reverse(), await context.strategy())).reverse();
    await context.site.start();
    const other = await answers(questions, await context.strategy());
    for (const [index, [what]] of questions.entries()) {
      expect(isDeepStrictEqual(again[index], first[index]), `${what} is answered otherwise the second time`);
      expect(isDeepStrictEqual(other[index], first[index]), `${what} is answered otherwise by another process`);
    }
  },
};

function questionsAbout(): readonly Question[] {
  const [self, ...others] = sampleMembers(6);
  return [0, 1, 5].flatMap((count): Question[] => {
    const contacts = others.slice(0, count);
    return [
      [`PlanInputs with ${count} contacts`, async (strategy) => await strategy.planInputs(self!, contacts)],
      [`PlanJoin with ${count} contacts`, async (strategy) => await strategy.planJoin(self!, contacts)],
      [`PlanLeave with ${count} survivors`, async (strategy) => await strategy.planLeave(self!, contacts)],
      ['PlanCheck', async (strategy) => await strategy.planCheck(self!)],
      ['ReadMembers', async (strategy) => await strategy.readMembers(self!, others.map(({ erlangName }) => `'${erlangName}'`).join('\n'))],
    ];
  });
}

/** All at once; a refusal is an answer too. */
async function answers(questions: readonly Question[], strategy: AskedStrategy): Promise<unknown[]> {
  return await Promise.all(questions.map(async ([, ask]) => await ask(strategy).catch((error: Error) => error.message)));
}
