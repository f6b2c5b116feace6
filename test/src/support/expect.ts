import type { Test } from 'tap';
import { tellResult, type WoResult } from './wo.js';

/** The exit code of a `wo`; what it printed is shown when it is another. */
export function expectExit(t: Test, result: WoResult, code: number, why = ''): WoResult {
  t.equal(result.code, code, `wo ${result.words.slice(0, 3).join(' ')} exits with ${code}${why && `: ${why}`}`, result.code === code ? {} : { output: tellResult(result) });
  return result;
}
