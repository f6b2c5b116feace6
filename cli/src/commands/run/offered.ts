import { nearest, quoted } from '@wombat/proto';
import { ManifestCommand, type ManifestArgument } from '@wombat/proto/control';
import { offeredCommands } from '../../control/offered-commands.js';
import { sanitise } from '../../output/sanitise.js';
import { columns, section } from '../../output/sections.js';
import type { Runtime } from '../../runtime.js';
import { UsageError } from '../../usage-error.js';
import { labelOf, usageOf } from '../release/command-usage.js';

/** Tells the commands that the release of a family offers. */
export async function tellCommands(runtime: Runtime, family: string): Promise<void> {
  const { print } = runtime;
  const commands = await offeredCommands(await runtime.control(), family);
  if (print.isForPrograms) return print.json({ commands: commands.map((command) => ManifestCommand.toJSON(command)) });
  const lines = columns(commands.map((command) => [usageOf(command), sanitise(command.help)] as const), widthOf(runtime));
  print.data(`${section('Commands', commands.length > 0 ? lines : ['none: they stand in the manifest of a release'], print.out)}\n`);
  print.data(print.out.dim(`More: wo run ${quoted(family)} COMMAND --help`));
}

/** Tells what one of them takes. @throws UsageError where there is none of this name */
export async function tellCommand(runtime: Runtime, family: string, name: string): Promise<void> {
  const { print } = runtime;
  const commands = await offeredCommands(await runtime.control(), family);
  const command = commands.find((one) => one.name === name);
  if (!command) throw unknown(family, name, commands.map((one) => one.name));
  if (print.isForPrograms) return print.json(ManifestCommand.toJSON(command));
  const title = `${print.out.bold(`wo run ${quoted(family)} ${name}`)}${command.help === '' ? '' : `: ${sanitise(command.help)}`}`;
  const lines = columns(command.arguments.map((argument) => [labelOf(argument), aboutOf(argument)] as const), widthOf(runtime));
  const sections = [
    section('Usage', [`wo run ${quoted(family)} ${usageOf(command)}`], print.out),
    ...(lines.length > 0 ? [section('Arguments', lines, print.out)] : []),
    ...(command.argv.length > 0 ? [section('Runs', [command.argv.map((word) => sanitise(quoted(word))).join(' ')], print.out)] : []),
  ];
  print.data([title, ...sections].join('\n\n'));
}

function aboutOf({ type, help, required, default: otherwise, positional, choices }: ManifestArgument): string {
  const kind = positional && type !== 'string' ? (type === 'choice' ? `one of ${choices.join(', ')}` : type) : '';
  return [sanitise(help), kind, otherwise && `${otherwise} when left out`, required && 'needed'].filter(Boolean).join('; ');
}

function unknown(family: string, name: string, names: readonly string[]): UsageError {
  const close = nearest(name, names);
  return new UsageError(`the release of ${family} has no command ${JSON.stringify(name)}`, close ? `did you mean ${close}?` : `see what there is: wo run ${quoted(family)} --help`);
}

function widthOf({ io: { stdout } }: Runtime): number {
  return stdout.isTTY === true ? stdout.columns ?? Infinity : Infinity;
}
