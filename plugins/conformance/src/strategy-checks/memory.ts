import { sampleMembers } from '../run/strategy-context.js';
import { expectLittleMemory } from '../run/resident-memory.js';
import type { StrategyCheck } from './strategy-check.js';

const calls = 500;
const atOnce = 10;

export const memory: StrategyCheck = {
  name: 'memory',
  promise: 'has less than 150 MB of memory after 500 calls',
  advice: 'Keep nothing of a call once it is answered, and load only those parts of a library that are used.',
  async run(context) {
    const strategy = await context.strategy();
    const program = await context.subject();
    const [self, ...contacts] = sampleMembers(11);
    let asked = 0;
    const ask = async (): Promise<void> => {
      while (asked < calls) {
        asked += 1;
        await (asked % 2 === 0 ? strategy.planJoin(self!, contacts) : strategy.validate(context.options.options ?? {}));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, ask));
    return await expectLittleMemory(program.pid, context.bounds.memoryBytes);
  },
};
