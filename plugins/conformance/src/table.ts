import type { ConformanceReport } from './run/run-checks.js';

/** A line for each check: name, state, why. */
export function formatTable({ plugin, results }: ConformanceReport): string {
  const nameWidth = Math.max(0, ...results.map(({ name }) => name.length));
  const lines = results.map(({ name, state, why }) => `${name.padEnd(nameWidth)}  ${state.padEnd(7)}  ${oneLine(why)}`.trimEnd());
  const count = (wanted: string): number => results.filter(({ state }) => state === wanted).length;
  return [...lines, `${plugin || 'the plugin'}: ${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`].join('\n');
}

function oneLine(text: string): string {
  return text.replace(/[\s\p{C}]+/gu, ' ').slice(0, 300);
}
