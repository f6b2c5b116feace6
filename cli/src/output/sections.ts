import type { Colours } from '../terminal/colours.js';
import { wrap } from './wrap.js';

/** A title and what stands under it. */
export function section(title: string, lines: readonly string[], colours: Colours): string {
  return [colours.bold(title), ...lines.map((line) => `  ${line}`)].join('\n');
}

/** Two columns, the right one wrapped where the terminal ends. */
export function columns(pairs: readonly (readonly [string, string])[], width: number): string[] {
  const left = Math.min(34, Math.max(0, ...pairs.map(([text]) => text.length)));
  const between = `\n  ${' '.repeat(left)}  `;
  return pairs.map(([text, about]) => {
    const lines = wrap(about, Math.max(24, width - left - 4));
    return text.length > left ? [text, ...lines].join(between) : `${text.padEnd(left)}  ${lines.join(between)}`;
  });
}
