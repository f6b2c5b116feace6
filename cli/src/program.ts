import { Command as Parser, Option, type CommanderError } from 'commander';
import { nearest } from '@wombat/proto';
import type { ArgumentSpec, Command, OptionSpec, OptionSpecs } from './command.js';
import { commands, nouns, programs, type Registered } from './commands/registry.js';
import { exitCodesPage } from './exit-codes.js';
import { globalOptions, type GlobalFlags } from './global-options.js';
import { argumentLabel, commandHelp, nounHelp, rootHelp } from './help.js';
import { colourChoiceIn, coloursFor, type Colours } from './terminal/colours.js';
import type { Io } from './terminal/io.js';
import { UsageError } from './usage-error.js';

/** A command with everything that was typed for it, ready to run. */
export interface Invocation {
  readonly registered: Registered;
  readonly command: Command;
  readonly flags: GlobalFlags;
  readonly args: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>>;
}

/** What came of reading the command line. */
export type Reading =
  | { readonly kind: 'run'; readonly invocation: Invocation }
  | { readonly kind: 'told'; readonly exit: number }
  | { readonly kind: 'usage'; readonly error: UsageError; readonly registered: Registered | undefined; readonly command: Command | undefined };

/** Reads the command line; loads no more than the module of the command that is asked for. */
export async function readCommandLine(argv: readonly string[], io: Io): Promise<Reading> {
  if (argv[0] === 'help' && argv[1] === 'exit-codes') {
    io.stdout.write(`${exitCodesPage()}\n`);
    return { kind: 'told', exit: 0 };
  }
  const state: { invocation?: Invocation; asked?: { registered: Registered; command: Command } } = {};
  const parser = buildParser(argv, io, state);
  try {
    refuseHelpOfNothing(argv);
    await parser.parseAsync(withoutHelpWord(argv), { from: 'user' });
  } catch (error) {
    // Help was asked for, or a noun stands without a verb and its help was shown on stderr.
    if (isCommanderError(error) && error.exitCode === 0) return { kind: 'told', exit: 0 };
    if (isCommanderError(error) && error.code === 'commander.help') return { kind: 'told', exit: 2 };
    const usage = isCommanderError(error) ? explainCommander(error, argv) : error;
    if (!(usage instanceof UsageError)) throw error;
    return { kind: 'usage', error: usage, registered: state.asked?.registered, command: state.asked?.command };
  }
  return state.invocation ? { kind: 'run', invocation: state.invocation } : { kind: 'told', exit: 0 };
}

type State = { invocation?: Invocation; asked?: { registered: Registered; command: Command } };

function buildParser(argv: readonly string[], io: Io, state: State): Parser {
  const colours = coloursFor(io.stdout, io.env, colourChoiceIn(argv));
  const width = widthOf(io);
  const root = newParser('wo', io);
  addOptions(root, globalOptions);
  root.configureHelp({ formatHelp: () => `${rootHelp(colours, width)}\n` });
  const groups = new Map<string, Parser>();
  for (const [noun, summary] of Object.entries(nouns)) {
    const group = newParser(noun, io).summary(summary);
    group.configureHelp({ formatHelp: () => `${nounHelp(noun, colours, width)}\n` });
    groups.set(noun, group);
    root.addCommand(group);
  }
  const load = loaders(root, argv, colours, io, state);
  for (const registered of commands) {
    const [first, verb] = registered.path.split(' ');
    (verb ? groups.get(first!)! : root).addCommand(load(registered, verb ?? first!));
    if (registered.short) root.addCommand(load(registered, registered.short));
  }
  for (const group of [root, ...groups.values()]) group.hook('preSubcommand', (_, chosen) => prepared.get(chosen)?.());
  return root;
}

/** What is done to a parser when its command is chosen: load the module, add its arguments and options. */
const prepared = new WeakMap<Parser, () => Promise<void>>();

function loaders(root: Parser, argv: readonly string[], colours: Colours, io: Io, state: State): (registered: Registered, name: string) => Parser {
  return (registered, name) => {
    const parser = newParser(name, io).summary(registered.summary);
    prepared.set(parser, async () => {
      const command = await registered.load();
      state.asked = { registered, command };
      if (command.passesOptions) passOptions(parser, argv);
      parser.configureHelp({ formatHelp: () => `${commandHelp(command, registered.summary, registered.path, registered.short, colours, widthOf(io))}\n` });
      addOptions(parser, command.options);
      for (const [key, spec] of Object.entries(command.arguments)) parser.argument(argumentSyntax(key, spec), spec.help);
      parser.action(() => {
        state.invocation = {
          registered, command,
          flags: readOptions(root, globalOptions) as unknown as GlobalFlags,
          args: readArguments(parser, command, argv),
          options: readOptions(parser, command.options),
        };
      });
    });
    return parser;
  };
}

/** `wo run FAMILY --help` is for the command, `wo run --help` is not. */
function passOptions(parser: Parser, argv: readonly string[]): void {
  parser.allowUnknownOption();
  const words = argv.slice(argv.indexOf(parser.name()) + 1);
  const help = words.findIndex((word) => word === '--help' || word === '-h');
  if (help !== -1 && words.slice(0, help).some((word) => !word.startsWith('-'))) parser.helpOption(false);
}

/** Help is wrapped for terminals only. */
function widthOf({ stdout }: Io): number {
  return stdout.isTTY === true ? stdout.columns ?? Infinity : Infinity;
}

function newParser(name: string, io: Io): Parser {
  return new Parser(name)
    .exitOverride()
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .allowExcessArguments(false)
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text), outputError: () => {} });
}

/** Every text given for an option is kept; the option's own `read` judges them. */
function addOptions(parser: Parser, specs: OptionSpecs): void {
  for (const spec of Object.values(specs)) {
    const option = new Option(spec.flags, spec.help).argParser((given: string, before: unknown) => [...(Array.isArray(before) ? (before as string[]) : []), given]);
    // commander would read --no-x as x=false, with a default of true.
    option.negate = false;
    parser.addOption(option);
  }
}

function readOptions(parser: Parser, specs: OptionSpecs): Record<string, unknown> {
  const given = parser.opts<Record<string, string[] | boolean | undefined>>();
  const read = ([key, spec]: [string, OptionSpec<unknown>]): [string, unknown] => {
    const option = parser.options.find((each) => each.flags === spec.flags)!;
    const texts = given[option.attributeName()];
    return [key, spec.read(texts === undefined ? [] : Array.isArray(texts) ? texts : [''], option.long ?? option.flags)];
  };
  return Object.fromEntries(Object.entries(specs).map(read));
}

function readArguments(parser: Parser, command: Command, argv: readonly string[]): Record<string, unknown> {
  const given = parser.processedArgs.map((value: unknown) => (command.passesOptions && Array.isArray(value) ? withoutOwnDashes(value as string[], argv) : value));
  return Object.fromEntries(Object.keys(command.arguments).map((key, index) => [key, given[index]]));
}

function argumentSyntax(key: string, spec: ArgumentSpec<unknown>): string {
  const label = argumentLabel(key, spec.label);
  switch (spec.kind) {
    case 'required':
      return `<${label}>`;
    case 'optional':
      return `[${label}]`;
    case 'many':
      return `[${label}...]`;
    case 'some':
      return `<${label}...>`;
  }
}

/** The first `--` is for `wo`; behind an option that is not known, commander leaves it in. */
function withoutOwnDashes(words: readonly string[], argv: readonly string[]): readonly string[] {
  const at = words.length - (argv.length - argv.indexOf('--'));
  return argv.includes('--') && words[at] === '--' ? words.toSpliced(at, 1) : words;
}

/** `wo help family create` is `wo family create --help`. */
function withoutHelpWord(argv: readonly string[]): string[] {
  if (argv.length === 0) return ['--help'];
  if (argv[0] === '--version' || argv[0] === '-V') return ['version', '--client'];
  return argv[0] === 'help' ? [...argv.slice(1), '--help'] : [...argv];
}

function isCommanderError(value: unknown): value is CommanderError {
  return value instanceof Error && value.name === 'CommanderError';
}

/** What was given to an option that is not there may be secret. */
function explainCommander(error: CommanderError, argv: readonly string[]): UsageError {
  if (error.code === 'commander.unknownCommand') return unknownCommand(argv, /unknown command '(.*)'/.exec(error.message)?.[1] ?? '');
  const [message = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = /Did you mean (.+)\?/.exec(rest.join(' '))?.[1];
  const plain = message.replace(/^unknown option '([^=]*)=.*/, "unknown option '$1'").replace(/^missing required argument '(.+)'$/, 'missing argument $1').replace(/\.( Expected .*)$/, ':$1');
  return new UsageError(plain, suggestion && `did you mean ${suggestion}?`);
}

/** commander answers `wo nosuch --help` with the help of `wo`. */
function refuseHelpOfNothing(argv: readonly string[]): void {
  const words = argv[0] === 'help' ? argv.slice(1) : argv;
  const [first = '-', second = '-'] = words;
  if (words === argv && !['--help', '-h'].includes(argv.at(-1) ?? '')) return;
  const isNoun = Object.hasOwn(nouns, first);
  if (!first.startsWith('-') && !isNoun && !topLevel().includes(first)) throw unknownCommand([first], first);
  if (isNoun && !second.startsWith('-') && !verbsOf(first).includes(second)) throw unknownCommand([first], second);
}

function unknownCommand(argv: readonly string[], word: string): UsageError {
  const noun = argv.find((each) => Object.hasOwn(nouns, each));
  const names = noun && noun !== word ? verbsOf(noun) : [...Object.keys(nouns), ...programs.map((program) => program.path), ...topLevel()];
  const close = nearest(word, names);
  const where = noun && noun !== word ? `${noun} ` : '';
  return new UsageError(`there is no command ${JSON.stringify(`wo ${where}${word}`)}`, close ? `did you mean wo ${where}${close}?` : where && `wo ${where}--help`);
}

function verbsOf(noun: string): string[] {
  return commands.filter((command) => command.path.startsWith(`${noun} `)).map((command) => command.path.slice(noun.length + 1));
}

function topLevel(): string[] {
  return commands.flatMap((command) => [...(command.path.includes(' ') ? [] : [command.path]), ...(command.short ? [command.short] : [])]);
}
