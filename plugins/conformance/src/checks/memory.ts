import { ProviderServiceService as methods } from '@wombat/proto/plugin';
import type { Check } from '../check.js';
import { expectLittleMemory } from '../run/resident-memory.js';

const calls = 500;
const atOnce = 10;

export const memory: Check = {
  name: 'memory',
  promise: 'has less than 150 MB of memory after 500 calls',
  advice: 'Keep nothing of a call once it is answered, and load only those parts of a library that are used.',
  async run(context) {
    const subject = await context.subject();
    const settings = JSON.stringify(context.settings);
    let asked = 0;
    const ask = async (): Promise<void> => {
      while (asked < calls) {
        asked += 1;
        // Few of them reach the provider: it may count its calls.
        if (asked % 10 === 0) await subject.list();
        else await subject.call(methods.validate, { settings });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, ask));
    return await expectLittleMemory(subject.pid, context.bounds.memoryBytes);
  },
};
