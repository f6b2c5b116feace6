import type { Command as Parser } from 'commander';
import type { Command } from './command.js';
import { globalOptions } from './global-options.js';
import { commands, nouns, programs } from './commands/registry.js';
import { columns, section } from './output/sections.js';
import { wrap } from './output/wrap.js';
import type { Colours } from './terminal/colours.js';

/** Help of `wo` itself: the daily commands first, then the nouns. */
export function rootHelp(colours: Colours, width: number): string {
  const short = commands.filter((command) => command.short).map((command) => [command.short!, `${command.summary} (${command.path})`] as const);
  const single = commands.filter((command) => !command.path.includes(' ')).map((command) => [command.path, command.summary] as const);
  const nounLines = Object.entries(nouns).map(([noun, about]) => [verbLines(noun, width - 2), about] as const);
  return [
    wrap('wo, the command line of Wombat: deploys releases over many clouds, keeps them running, runs commands on them', width).join('\n').replace('wo', colours.bold('wo')),
    section('Usage', ['wo COMMAND [arguments] [options]'], colours),
    section('From nothing to running nodes', columns(short, width), colours),
    section('Every day', columns(single, width), colours),
    section('Nouns and verbs', nounLines.map(([left, right]) => `${left}\n    ${colours.dim(right)}`), colours),
    section('Programs', columns(programs.map((program) => [program.path, program.summary] as const), width), colours),
    section('Options of every command', globalOptionLines(width), colours),
    section('Exit codes', exitCodeLines, colours),
    `${colours.dim('More: wo COMMAND --help, wo help exit-codes, wo explain CODE')}`,
  ].join('\n\n');
}

/** "family create|list|show|", on as many lines as it takes. */
function verbLines(noun: string, width: number): string {
  const lines = [noun];
  verbsOf(noun).forEach((verb, index, all) => {
    const piece = `${verb}${index + 1 < all.length ? '|' : ''}`;
    const line = `${lines.at(-1)!}${index === 0 ? ' ' : ''}${piece}`;
    if (line.length <= width) lines[lines.length - 1] = line;
    else lines.push(`${' '.repeat(noun.length + 1)}${piece}`);
  });
  return lines.join('\n  ');
}

/** Help of a noun: its verbs. */
export function nounHelp(noun: string, colours: Colours, width: number): string {
  const verbs = commands.filter((command) => command.path.startsWith(`${noun} `));
  return [
    `${colours.bold(`wo ${noun}`)}: ${nouns[noun]}`,
    section('Usage', [`wo ${noun} VERB [arguments] [options]`], colours),
    section('Verbs', columns(verbs.map((verb) => [verb.path.slice(noun.length + 1), verb.summary + (verb.short ? ` (also: ${verb.short})` : '')] as const), width), colours),
    colours.dim(`More: wo ${noun} VERB --help`),
  ].join('\n\n');
}

/** Help of one command: what it does, examples, then arguments and options. */
export function commandHelp(command: Command, summary: string, path: string, short: string | undefined, colours: Colours, width: number): string {
  const options = Object.values(command.options).map((option) => [option.flags, option.help] as const);
  if (command.timeoutHelp) options.push(['--timeout <duration>', command.timeoutHelp]);
  const args = Object.entries(command.arguments).map(([key, spec]) => [argumentLabel(key, spec.label), spec.help] as const);
  const names = short ? [`wo ${short}`, `wo ${path}`] : [`wo ${path}`];
  return [
    `${colours.bold(names[0]!)}: ${summary}`,
    section('Usage', names.map((name) => usageLine(command, name)), colours),
    command.description.split('\n').flatMap((line) => wrap(line, width)).join('\n'),
    section('Examples', command.examples.map((example) => `${colours.dim(`# ${example.explanation}`)}\n  ${example.command}`), colours),
    ...(args.length ? [section('Arguments', columns(args, width), colours)] : []),
    ...(options.length ? [section('Options', columns(options, width), colours)] : []),
    colours.dim('Options of every command: wo --help'),
  ].join('\n\n');
}

/** "wo create-family NAME [options]" */
export function usageLine(command: Command, name: string): string {
  const args = command.usage ?? Object.entries(command.arguments).map(([key, spec]) => {
    const label = argumentLabel(key, spec.label);
    if (spec.kind === 'required') return label;
    if (spec.kind === 'some') return `${label}...`;
    return spec.kind === 'optional' ? `[${label}]` : `[${label}...]`;
  }).join(' ');
  const options = Object.keys(command.options).length && !args.includes('[options]') ? '[options]' : '';
  return [name, args, options].filter(Boolean).join(' ');
}

export function argumentLabel(key: string, label?: string): string {
  return label ?? key.replace(/[A-Z]/g, (letter) => `-${letter}`).toUpperCase();
}

/** The name that a person would type for a parser: "wo family create". */
export function nameOf(parser: Parser): string {
  return parser.parent ? `${nameOf(parser.parent)} ${parser.name()}` : parser.name();
}

function verbsOf(noun: string): string[] {
  return commands.filter((command) => command.path.startsWith(`${noun} `)).map((command) => command.path.slice(noun.length + 1));
}

function globalOptionLines(width: number): string[] {
  return columns([...Object.values(globalOptions).map((option) => [option.flags, option.help] as const), ['-h, --help', 'help for a command']], width);
}

const exitCodeLines = [
  '0 done             1 failed          2 wrong usage or refused',
  '3 some failed      4 not allowed     5 not found',
  '6 still running    7 no coordinator  8 conflict   130 interrupted',
];
