import type { Colours } from '../terminal/colours.js';

/** Symbol and colour of a phase; the word always stands beside it. */
export function phaseMark(phase: string, goal: string, colours: Colours): string {
  if (phase === 'failed') return colours.red('✗');
  if (phase === goal || phase === 'up') return colours.green('✓');
  return phase === 'unknown' ? colours.yellow('?') : colours.cyan('•');
}
