import { flagOf, keyNames, keys, variableOf } from './keys.js';
import type { ConfigurationKey } from './configuration.js';

const width = 110;

const introduction = `# Configuration of a Wombat coordinator. Every key is here with its default, commented out: take away the # of
# what you change. Flags (wo coordinator --control-address HOST:PORT) and variables of the environment
# (WOMBAT_CONTROL_ADDRESS) win over this file. It is read when named by --config or WOMBAT_CONFIG, or when it lies
# as wombat.toml in the directory of the coordinator.`;

/** A commented wombat.toml: all keys, each with its meaning and its default. */
export function configurationTemplate(): string {
  const alone = keyNames.filter((key) => !key.includes('.'));
  const sections = [...new Set(keyNames.filter((key) => key.includes('.')).map((key) => key.split('.')[0]!))];
  return `${[
    introduction,
    ...alone.map(entry),
    ...sections.map((section) => [`[${section}]`, ...keyNames.filter((key) => key.startsWith(`${section}.`)).map(entry)].join('\n\n')),
  ].join('\n\n')}\n`;
}

function entry(key: ConfigurationKey): string {
  const { description, defaultText, example, default: byDefault } = keys[key];
  const meaning = defaultText === undefined ? description : `${description} Default: ${defaultText}.`;
  const name = key.slice(key.indexOf('.') + 1);
  return [...comment(meaning.replaceAll('`', '')), `# --${flagOf(key)}, ${variableOf(key)}`, `#${name} = ${toml(byDefault() ?? example)}`].join('\n');
}

/** JSON writes texts, numbers, booleans and lists of texts as TOML does. */
function toml(value: unknown): string {
  return JSON.stringify(value);
}

function comment(text: string): string[] {
  const lines = ['#'];
  for (const word of text.split(' ')) {
    if (lines.at(-1)!.length + 1 + word.length > width) lines.push('#');
    lines[lines.length - 1] += ` ${word}`;
  }
  return lines;
}
