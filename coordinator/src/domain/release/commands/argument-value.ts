import type { ManifestArgument } from '../../model/release.js';

const patterns = { integer: /^[+-]?\d+$/, number: /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i, bool: /^(true|false)$/, duration: /^\d+(\.\d+)?(ms|s|m|h)$/ };
const expectations = { integer: 'a whole number', number: 'a number', bool: 'true or false', duration: 'a duration such as "500ms", "30s" or "2m"' };

/** What an argument is to be, where a text is not that. A zero byte can stand in no word of a command. */
export function whatIsExpected({ type, choices = [] }: ManifestArgument, text: string): string | undefined {
  if (text.includes('\0')) return 'without a zero byte';
  if (type === 'string') return undefined;
  if (type === 'choice') return choices.includes(text) ? undefined : `one of ${choices.join(', ')}`;
  return patterns[type].test(text) ? undefined : expectations[type];
}
