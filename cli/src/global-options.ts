import { duration, flag, oneOf, text } from './options.js';
import type { OptionValues } from './command.js';
import { colourChoices } from './terminal/colours.js';

export const outputFormats = ['table', 'wide', 'json', 'yaml', 'jsonl', 'name'] as const;
export const progressKinds = ['plain', 'live', 'json', 'none'] as const;

export type OutputFormat = (typeof outputFormats)[number];

/** Flags that every command takes, before or after its own words. */
export const globalOptions = {
  context: text('--context <name>', 'context of the configuration to use (WO_CONTEXT)', 'context'),
  address: text('--address <host:port>', 'control address of the coordinator (WO_ADDR)'),
  output: oneOf('-o, --output <format>', `one of ${outputFormats.join(', ')}; json is the answer of the API; table leaves out columns that do not fit, wide none`, outputFormats),
  quiet: flag('-q, --quiet', 'print ids only, and no progress'),
  verbose: flag('-v, --verbose', 'tell more'),
  progress: oneOf('--progress <how>', `one of ${progressKinds.join(', ')}: how work that goes on is shown on standard error; live is for terminals, plain a line for each change`, progressKinds),
  color: oneOf('--color <when>', `one of ${colourChoices.join(', ')}; auto is where a terminal is (FORCE_COLOR, TERM=dumb)`, colourChoices),
  noColor: flag('--no-color', 'no colours, as --color never (NO_COLOR)'),
  timeout: duration('--timeout <duration>', 'how long to wait, as in 30s or 5m'),
  yes: flag('-y, --yes', 'do not ask whether something may be destroyed'),
  noInput: flag('--no-input', 'never ask anything'),
  debug: flag('--debug', 'show what goes wrong inside'),
};

export type GlobalFlags = OptionValues<typeof globalOptions>;
