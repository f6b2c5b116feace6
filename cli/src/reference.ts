import type { Command } from './command.js';
import { commands, nouns, programs, type Registered } from './commands/registry.js';
import { exitCodeMeanings } from './exit-codes.js';
import { globalOptions } from './global-options.js';
import { argumentLabel, usageLine } from './help.js';

/** docs/reference/cli.md, from the definitions that `wo --help` is made of. */
export async function cliReference(): Promise<string> {
  const single = commands.filter(({ path }) => !path.includes(' '));
  const sections = [
    '# The command line',
    'This page is generated from the commands by `scripts/docs/cli.js`; `wo COMMAND --help` shows the same.',
    'Wherever an object is taken, an exact id is tried first, then an exact name, then a unique beginning of an id.',
    '## Options of every command',
    table(['option', 'meaning'], Object.values(globalOptions).map(({ flags, help }) => [code(flags), help])),
    '## Exit codes',
    table(['code', 'meaning'], exitCodeMeanings.map(([exit, meaning]) => [String(exit), meaning])),
    '## Tables and terminals',
    [
      'Data goes to standard output, everything else to standard error. Into a pipe or file nothing is cut and nothing coloured.',
      'On a terminal a table is fitted to its width: the least important columns are left out first, then names are cut with `…`, then the last column is wrapped;',
      'ids are never cut, and `-o wide` shows all columns whole. While an operation goes on, each of at most 20 nodes has a line; more are counted.',
      'The first Ctrl-C leaves an operation or a job running after two seconds, a second one in that time asks whether to cancel it, a third leaves at once.',
    ].join('\n'),
    ...(await Promise.all(Object.entries(nouns).map(async ([noun, about]) => `## ${noun}: ${about}\n\n${await join(commands.filter(({ path }) => path.startsWith(`${noun} `)))}`))),
    `## Further commands\n\n${await join(single)}`,
    '## Programs',
    table(['program', 'what it is'], programs.map(({ path, summary }) => [code(`wo ${path}`), `${summary}; \`wo ${path} --help\` shows its settings`])),
  ];
  return `${sections.join('\n\n')}\n`;
}

async function join(registered: readonly Registered[]): Promise<string> {
  return (await Promise.all(registered.map(async (each) => section(each, await each.load())))).join('\n\n');
}

function section({ path, short, summary }: Registered, command: Command): string {
  const names = [...(short ? [`wo ${short}`] : []), `wo ${path}`];
  const args = Object.entries(command.arguments).map(([key, { label, help }]) => [code(argumentLabel(key, label)), help]);
  const options = Object.values(command.options).map(({ flags, help }) => [code(flags), help]);
  if (command.timeoutHelp) options.push([code('--timeout <duration>'), command.timeoutHelp]);
  return [
    `### wo ${path}`,
    `${summary[0]!.toUpperCase()}${summary.slice(1)}. ${command.description.replaceAll('\n', ' ')}`,
    fenced(names.map((name) => usageLine(command, name))),
    ...(args.length > 0 ? [table(['argument', 'meaning'], args)] : []),
    ...(options.length > 0 ? [table(['option', 'meaning'], options)] : []),
    fenced(command.examples.flatMap((example) => [`# ${example.explanation}`, example.command])),
  ].join('\n\n');
}

function fenced(lines: readonly string[]): string {
  return ['```sh', ...lines, '```'].join('\n');
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---')), ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}
