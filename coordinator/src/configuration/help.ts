import { configFlag, configVariable } from './sources.js';
import { flagOf, keyNames, keys, variableOf } from './keys.js';
import type { ConfigurationKey } from './configuration.js';
import type { Form } from './values.js';

const values: Readonly<Record<Form, string>> = { text: 'TEXT', address: 'HOST:PORT', integer: 'NUMBER', boolean: '[true|false]', list: 'ITEM,ITEM', argv: 'COMMAND' };

const beginning = `wombat-coordinator: keeps what is wanted, and drives the agents towards it.

usage: wombat-coordinator [--${configFlag} FILE] [--FLAG VALUE]...
       wombat-coordinator --restore ARCHIVE [--FLAG VALUE]...

examples:
  wombat-coordinator --directory /srv/wombat
      everything of it lies in this directory; it serves on the loopback addresses
  wombat-coordinator --${configFlag} /etc/wombat/wombat.toml --log-level debug
      as the file says, but for the log

A flag wins over the environment, the environment over the file, the file over the default.
`;

const end = `  --${configFlag} FILE
      a file in TOML with the settings above as keys; else wombat.toml in the directory, if there is one
      (${configVariable})
  --restore ARCHIVE
      set up the directory from a backup, and end
  --print-configuration
      print a commented configuration with every key, and end
  --version
      print the version, and end
  -h, --help
      print this, and end

exit codes:
  0  it was stopped by TERM or INT, or did what it was to do before its end
  1  something failed, or stopping took too long
  2  the configuration is not right, or another coordinator works in the directory
  Errors have a code; wo explain CODE tells which exit code is its own.
`;

/** What `wombat-coordinator --help` prints: every key with its flag, default and meaning. */
export function helpText(): string {
  return `${beginning}\n${keyNames.map(setting).join('')}${end}`;
}

function setting(key: ConfigurationKey): string {
  const { form, description, defaultText, default: byDefault } = keys[key];
  const value = defaultText ?? plain(byDefault());
  const notes = [value === '' ? undefined : `default ${value}`, form === 'list' ? 'may be repeated' : undefined, variableOf(key)];
  // The pages are written in Markdown, a terminal is not.
  return `  --${flagOf(key)} ${values[form]}\n      ${description}\n      (${notes.filter(Boolean).join('; ')})\n`.replaceAll('`', '');
}

function plain(value: unknown): string {
  return Array.isArray(value) ? value.join(' ') : String(value ?? '');
}
