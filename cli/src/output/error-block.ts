import { errorBlock as plainBlock, type WombatError } from '@wombat/proto';
import type { Colours } from '../terminal/colours.js';
import { sanitise } from './sanitise.js';

export interface ErrorBlockOptions {
  /** What the code means, from the catalogue; empty when the code is not known. */
  readonly meaning: string;
  readonly colours: Colours;
}

/** The four lines that every error is told in, fit for a terminal. */
export function errorBlock(error: Pick<WombatError, 'code' | 'message' | 'hint'>, { meaning, colours }: ErrorBlockOptions): string {
  return plainBlock(error, meaning, { head: colours.red, key: colours.bold, remote: sanitise });
}

export interface UsageBlockOptions {
  readonly usage: string | undefined;
  readonly example: string | undefined;
  readonly help: string;
  readonly colours: Colours;
}

/** The same four lines for a command typed wrongly. */
export function usageBlock(error: { message: string; hint?: string | undefined }, { usage, example, help, colours }: UsageBlockOptions): string {
  const line = (key: string, value: string | undefined): string[] => (value ? [`  ${colours.bold(`${key}:`)} ${value}`] : []);
  return [
    `${colours.red('error WO_INVALID_ARGUMENT:')} ${sanitise(error.message)}`,
    ...line('usage', usage),
    ...line('try', error.hint === undefined ? example : sanitise(error.hint)),
    ...line('see', help),
  ].join('\n');
}
