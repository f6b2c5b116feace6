import { BootstrapStrategyServiceService as methods } from '@wombat/proto/plugin';
import { expect } from '../check.js';
import { sampleMembers } from '../run/strategy-context.js';
import type { StrategyCheck } from './strategy-check.js';

/** What a node may print instead of names. */
const outputs: readonly [string, Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['an error', Buffer.from('escript: exception error: undefined function\n')],
  ['NUL characters', Buffer.from('\0\0a@h\0')],
  ['no text', Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0x80, 0x81])],
  ['escape sequences', Buffer.from('\u001b[2J\u001b]0;title\u0007[a@h]')],
  ['half a list', Buffer.from("['a@h', 'b@")],
  ['a megabyte of one letter', Buffer.alloc(1_000_000, 'a')],
  ['a megabyte of brackets', Buffer.alloc(1_000_000, '[')],
];

export const strangeOutput: StrategyCheck = {
  name: 'strange-output',
  promise: 'survives whatever a node prints instead of its members: answers, or refuses, and serves on',
  advice: 'The output of a check comes from a machine that may be broken, or hostile. Read it with bounds on time and size: an expression that goes back at every letter never comes to the end of a megabyte.',
  async run(context) {
    const strategy = await context.strategy();
    const program = await context.subject();
    const [self] = sampleMembers(1);
    for (const [what, output] of outputs) {
      const read = strategy.readMembers(self!, output);
      // A list that is too long or a name that cannot be one is refused by the coordinator.
      await read.catch(() => undefined);
      const serves = await program.call(methods.describeStrategy, {}).then(() => true, () => false);
      // The next check begins with another.
      if (!serves) await context.site.end();
      expect(serves, `it serves no more after it was given ${what}`);
    }
  },
};
