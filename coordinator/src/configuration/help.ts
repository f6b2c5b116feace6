import { flagOf, keyNames, keys } from './keys.js';

/** What `wombat-coordinator --help` prints: every key with its flag, default and meaning. */
export function helpText(): string {
  const lines = keyNames.map((key) => {
    const { description, defaultText, default: byDefault } = keys[key];
    const value = defaultText ?? byDefault();
    return `  --${flagOf(key)}\n      ${description}${value === undefined || value === '' ? '' : ` Default: ${String(value)}`}`;
  });
  return `wombat-coordinator [--config FILE] [--KEY VALUE]...\n\nSettings come from flags, WOMBAT_* variables, wombat.toml and defaults, in this order.\n\n${lines.join('\n')}\n`;
}
