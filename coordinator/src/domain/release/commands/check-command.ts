import { WombatError } from '@wombat/proto';
import type { ManifestArgument, ManifestCommand } from '../../model/release.js';
import { checkProgram } from '../check-start.js';
import type { Inspection } from '../inspection.js';
import { whatIsExpected } from './argument-value.js';
import { checkArgv } from './argv-template.js';

const word = /^[a-z][\w-]{0,30}$/i;

/** @throws WombatError WO_MANIFEST_INVALID */
export function checkCommand(command: ManifestCommand, before: readonly ManifestCommand[], inspection: Inspection): void {
  const { name, argv } = command;
  if (!word.test(name)) throw invalid(`the name ${JSON.stringify(name)} of a command is not 1-31 letters, digits, "_" and "-"`);
  if (before.some((other) => other.name === name)) throw invalid(`the command ${name} is named twice`);
  const names = command.arguments.map((argument) => argument.name);
  const wrong = names.find((argument, index) => !word.test(argument) || names.indexOf(argument) !== index);
  if (wrong !== undefined) throw invalid(`the command ${name} has an argument ${JSON.stringify(wrong)}, whose name is no word or there twice`);
  if (names.includes('help')) throw invalid(`the command ${name} has an argument help, which every command has already`);
  checkArgv(command);
  checkProgram(argv, inspection, `the command ${name}`);
  for (const argument of command.arguments) checkArgument(name, argument);
  const positional = command.arguments.filter((argument) => argument.positional);
  const late = positional.find((argument, index) => argument.required && positional.slice(0, index).some(({ required }) => !required));
  if (late) throw invalid(`the command ${name}: ${late.name} must be given, but stands behind one that need not be`);
}

function checkArgument(command: string, argument: ManifestArgument): void {
  const { name, type, required, choices = [], positional = false } = argument;
  const what = `the argument ${name} of command ${command}`;
  if (type === 'choice' && choices.length === 0) throw invalid(`${what} is a choice without choices`);
  if (type !== 'choice' && choices.length > 0) throw invalid(`${what} has choices, but is no choice`);
  if (type === 'bool' && positional) throw invalid(`${what} is a flag, which has a name and no place`);
  if (argument.default === undefined) return;
  if (required) throw invalid(`${what} must be given, so its default is never used`);
  const expected = whatIsExpected(argument, argument.default);
  if (expected !== undefined) throw invalid(`${what} has a default that is not ${expected}`);
}

function invalid(message: string): WombatError {
  return new WombatError('WO_MANIFEST_INVALID', message);
}
