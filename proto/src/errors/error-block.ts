import type { WombatError } from './wombat-error.js';

/** How the parts of a block are shown. */
export interface BlockStyle {
  readonly head: (text: string) => string;
  readonly key: (text: string) => string;
  /** What came from elsewhere. */
  readonly remote: (text: string) => string;
}

/** One line stays one line, whatever a message holds. */
const plain: BlockStyle = { head: (text) => text, key: (text) => text, remote: (text) => text.replaceAll(/\s*[\r\n]+\s*/g, ' ') };

/** The four lines that every error is told in: what, why, what to do, where to read more. */
export function errorBlock({ code, message, hint }: Pick<WombatError, 'code' | 'message' | 'hint'>, meaning: string, { head, key, remote } = plain): string {
  return [
    `${head(`error ${code}:`)} ${remote(message)}`,
    `  ${key('why:')} ${remote(meaning)}`,
    `  ${key('try:')} ${remote(hint)}`,
    `  ${key('see:')} wo explain ${code}`,
  ].join('\n');
}
