import { words, type Member } from '@wombat/plugin-sdk';

/**
 * The words of a command; the first is a path in the node's root.
 *
 * @throws Error that says what is wrong with it
 */
export function parseRootCommand(text: string): readonly [string, ...string[]] {
  const [program, ...rest] = words(text);
  if (!program) throw new Error('is empty');
  if (text.includes('\0')) throw new Error('holds a NUL character');
  if (program.startsWith('/')) throw new Error(`the program is a path in the node's root, not ${program}`);
  if (program.split('/').includes('..')) throw new Error('the program lies outside the node\'s root');
  // With a slash it is looked up in the root, without one it would be looked up in PATH.
  return [program.includes('/') ? program : `./${program}`, ...rest];
}

/** `name@address`, as the command gets it. */
export function contactName(member: Member): string {
  return member.erlangName || `${member.name}@${member.address}`;
}
