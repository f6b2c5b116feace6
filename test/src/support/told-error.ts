import type { Test } from 'tap';
import { expectExit } from './expect.js';
import type { WoResult } from './wo.js';

export interface ToldError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

const blocks = ['why,try,see', 'usage,try,see', 'try,see'];

/** The one error that a program has told, in its lines and nothing else; answers undefined when it is none. */
export function toldError(stderr: string): ToldError | undefined {
  const [head = '', ...rest] = stderr.trimEnd().split('\n');
  const [, code = '', message = ''] = /^error (WO_[A-Z0-9_]+): (.+)$/.exec(head) ?? [];
  const keys = rest.map((line) => /^ {2}(why|usage|try|see): \S/.exec(line)?.[1] ?? line);
  if (code === '' || !blocks.includes(keys.join())) return undefined;
  return { code, message, hint: rest.at(-2)!.trim().replace(/^try: /, '') };
}

/** The error is the one expected, told in four lines, and there is no data. */
export function expectError(t: Test, result: WoResult, code: string, exit: number, says: RegExp): ToldError | undefined {
  expectExit(t, result, exit, code);
  t.equal(result.stdout, '', `${code}: there is no data`);
  const told = toldError(result.stderr.replace(/^warning: a secret on the command line .*\n/, ''));
  t.ok(told, `${code}: four lines and nothing else`, { stderr: result.stderr });
  t.equal(told?.code, code, `the code of ${result.words.slice(0, 3).join(' ')}`, { stderr: result.stderr });
  t.match(told?.message, says, `${code}: the message names what is wrong`);
  return told;
}
