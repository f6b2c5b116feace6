import { nearest } from '@wombat/proto';
import type { Share } from '@wombat/proto/control';
import type { OptionSpec } from './command.js';
import type { Completes } from './completion/source.js';
import { parseDurationMs } from './parse/duration.js';
import { parseShare } from './parse/share.js';
import { UsageError } from './usage-error.js';

/** `--detach`: there or not. */
export function flag(flags: string, help: string): OptionSpec<boolean> {
  return { flags, help, read: (texts) => texts.length > 0 };
}

export function text(flags: string, help: string, completes?: Completes): OptionSpec<string | undefined> {
  return { flags, help, read: (texts) => texts.at(-1), ...(completes && { completes }) };
}

/** May be given several times. */
export function texts(flags: string, help: string, completes?: Completes): OptionSpec<readonly string[]> {
  return { flags, help, read: (given) => given, ...(completes && { completes }) };
}

/** May be given several times; each text goes through `parse`. */
export function each<T>(flags: string, help: string, parse: (text: string) => T): OptionSpec<readonly T[]> {
  return { flags, help, read: (given) => given.map(parse) };
}

export interface Bounds {
  readonly minimum?: number;
  readonly maximum?: number;
}

export function wholeNumber(flags: string, help: string, bounds: Bounds = {}): OptionSpec<number | undefined> {
  return { flags, help, read: (given, name) => (given.length === 0 ? undefined : readWholeNumber(given.at(-1)!, name, bounds)) };
}

export function duration(flags: string, help: string): OptionSpec<number | undefined> {
  return { flags, help, read: (given, name) => (given.length === 0 ? undefined : parseDurationMs(given.at(-1)!, name)) };
}

/** A number of targets, or a percentage of them. */
export function share(flags: string, help: string): OptionSpec<Share | undefined> {
  return { flags, help, read: (given, name) => (given.length === 0 ? undefined : parseShare(given.at(-1)!, name)) };
}

/** One of a few words. */
export function oneOf<const W extends string>(flags: string, help: string, words: readonly W[]): OptionSpec<W | undefined> {
  return { flags, help, read: (given, name) => (given.length === 0 ? undefined : readWord(given.at(-1)!, name, words)), completes: { words } };
}

/** `K=V` texts, several times, as an object; a later one wins. */
export function pairs(flags: string, help: string, separator: '=' | ':' = '='): OptionSpec<Readonly<Record<string, string>>> {
  return { flags, help, read: (given, name) => Object.fromEntries(given.map((each) => readPair(each, name, separator))) };
}

/** `pairs` whose values may be secret: none is repeated in an error. */
export function secretPairs(flags: string, help: string): OptionSpec<Readonly<Record<string, string>>> {
  return { flags, help, read: (given, name) => Object.fromEntries(given.map((each) => readPair(each, name, '=', 'what was given has no name in front'))) };
}

export function readWholeNumber(given: string, name: string, { minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: Bounds = {}): number {
  const value = Number(given);
  if (!/^-?\d+$/.test(given) || value < minimum || value > maximum) {
    const range = maximum === Number.MAX_SAFE_INTEGER ? `${minimum} or more` : `from ${minimum} to ${maximum}`;
    throw new UsageError(`${name} wants a whole number, ${range}: ${JSON.stringify(given)}`);
  }
  return value;
}

export function readWord<const W extends string>(given: string, name: string, words: readonly W[]): W {
  const found = words.find((word) => word === given);
  if (found) return found;
  const close = nearest(given, words);
  throw new UsageError(`${name} is one of ${words.join(', ')}: ${JSON.stringify(given)}`, close && `did you mean ${close}?`);
}

/** `shown` stands in the error for what was given. */
export function readPair(given: string, name: string, separator: '=' | ':', shown = JSON.stringify(given)): [string, string] {
  const at = given.indexOf(separator);
  if (at < 1) throw new UsageError(`${name} wants KEY${separator}VALUE: ${shown}`);
  return [given.slice(0, at), given.slice(at + 1)];
}
