import { WombatError } from '@wombat/proto';
import type { ManifestArgument, ManifestCommand } from '../../model/release.js';
import { nearestText } from '../nearest.js';
import type { ArgumentTexts } from './read-arguments.js';

/** Anything that looks like a placeholder, that it may be refused where it is none. */
const placeholders = /\{\{([^{}]*)\}\}/g;
const prefix = 'argument.';

/** @throws WombatError WO_MANIFEST_INVALID for a placeholder that names no argument, or stands in the program */
export function checkArgv({ name, argv, arguments: given }: ManifestCommand): void {
  const names = given.map((argument) => prefix + argument.name);
  for (const [index, word] of argv.entries()) {
    for (const named of namesIn(word)) {
      if (index === 0) throw invalid(`the program of command ${name} has a placeholder: what is run is not up to who runs it`);
      if (!names.includes(named)) throw invalid(`the command ${name} names {{${named.slice(0, 80)}}}, which is none of its arguments${nearestText(named, names)}`);
    }
  }
}

/**
 * The words of the command. An argument is put in as it is, so that it ends where its word ends. A word that names an
 * argument without a text is left out; one that is nothing but a `bool` is `--name` or left out.
 */
export function fillArgv({ argv, arguments: given }: ManifestCommand, texts: ArgumentTexts): string[] {
  const named = new Set(argv.flatMap(namesIn));
  const behind = given.filter(({ name }) => !named.has(prefix + name)).map(({ name }) => `{{${prefix}${name}}}`);
  return [...argv, ...behind].flatMap((word) => filled(word, given, texts));
}

function filled(word: string, given: readonly ManifestArgument[], texts: ArgumentTexts): string[] {
  const names = namesIn(word).map((name) => name.slice(prefix.length));
  const [only] = names;
  if (only !== undefined && isAlone(word) && given.find(({ name }) => name === only)?.type === 'bool') return texts.get(only) === 'true' ? [`--${only}`] : [];
  if (names.some((name) => !texts.has(name))) return [];
  return [word.replace(placeholders, (_, name: string) => texts.get(name.trim().slice(prefix.length))!)];
}

function namesIn(word: string): string[] {
  return [...word.matchAll(placeholders)].map(([, name]) => name!.trim());
}

function isAlone(word: string): boolean {
  return /^\{\{[^{}]*\}\}$/.test(word);
}

function invalid(message: string): WombatError {
  return new WombatError('WO_MANIFEST_INVALID', message, { hint: 'an argument is {{argument.NAME}}' });
}
