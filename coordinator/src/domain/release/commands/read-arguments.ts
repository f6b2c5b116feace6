import { nearest, WombatError } from '@wombat/proto';
import type { ManifestArgument, ManifestCommand } from '../../model/release.js';
import { whatIsExpected } from './argument-value.js';

/** Texts of the arguments that are given or have a default, by their names; `bool` always has one. */
export type ArgumentTexts = ReadonlyMap<string, string>;

/**
 * Reads arguments as they are typed: `--name=text`, `--name text`, `--flag`, and positional ones in their order. Behind
 * `--` all are positional, whatever they look like. Any of them may be given by its name.
 * @throws WombatError WO_COMMAND_ARGUMENTS that names the argument and what is expected
 */
export function readArguments(command: ManifestCommand, words: readonly string[]): ArgumentTexts {
  const given = givenTexts(command, words);
  for (const argument of command.arguments) {
    const text = given.get(argument.name) ?? argument.default ?? (argument.type === 'bool' ? 'false' : undefined);
    if (text !== undefined) given.set(argument.name, text);
    else if (argument.required) throw refused(command, argument, `${labelOf(argument)} is missing`);
  }
  return given;
}

function givenTexts(command: ManifestCommand, words: readonly string[]): Map<string, string> {
  const given = new Map<string, string>();
  const put = (argument: ManifestArgument, text: string): void => {
    if (given.has(argument.name)) throw refused(command, argument, `${labelOf(argument)} is given twice`);
    const expected = whatIsExpected(argument, text);
    if (expected !== undefined) throw refused(command, argument, `${labelOf(argument)} is to be ${expected}: ${shown(text)}`, expected);
    given.set(argument.name, text);
  };
  let isPositional = false;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index]!;
    if (!isPositional && word === '--') isPositional = true;
    else if (isPositional || !word.startsWith('--')) put(nextPositional(command, given, word), word);
    else {
      const { argument, text } = named(command, word);
      const next = words[index + 1];
      if (text !== undefined) put(argument, text);
      else if (argument.type === 'bool') put(argument, 'true');
      else if (next === undefined || next.startsWith('--')) throw refused(command, argument, `${labelOf(argument)} is given without a value`);
      else {
        put(argument, next);
        index += 1;
      }
    }
  }
  return given;
}

function named(command: ManifestCommand, word: string): { readonly argument: ManifestArgument; readonly text: string | undefined } {
  const equals = word.indexOf('=');
  const name = word.slice(2, equals === -1 ? undefined : equals);
  const argument = command.arguments.find((one) => one.name === name);
  if (argument) return { argument, text: equals === -1 ? undefined : word.slice(equals + 1) };
  const close = nearest(name, command.arguments.map((one) => one.name));
  throw refused(command, undefined, `there is no argument ${shown(`--${name}`)}${close === undefined ? '' : `; the nearest is --${close}`}`);
}

function nextPositional(command: ManifestCommand, given: ArgumentTexts, word: string): ManifestArgument {
  const next = command.arguments.find(({ name, positional }) => positional && !given.has(name));
  if (!next) throw refused(command, undefined, `there is no place for ${shown(word)}: ${command.arguments.some(({ positional }) => positional) ? 'all that go by their place are given' : 'no argument goes by its place'}`);
  return next;
}

function labelOf({ name, positional }: ManifestArgument): string {
  return positional ? name.toUpperCase() : `--${name}`;
}

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}

function refused({ name }: ManifestCommand, argument: ManifestArgument | undefined, message: string, expected?: string): WombatError {
  return new WombatError('WO_COMMAND_ARGUMENTS', `command ${name}: ${message}`, {
    hint: `see what it takes: wo run FAMILY ${name} --help`,
    details: { command: name, ...(argument && { argument: argument.name }), ...(expected !== undefined && { expected }) },
  });
}
