import type { ArgumentSpec, Command, OptionSpec } from '../command.js';
import { commands, nouns, type Registered } from '../commands/registry.js';
import { globalOptions } from '../global-options.js';
import type { Completes } from './source.js';

/** What the last word of a command line is to become. */
export type Wanted =
  | { readonly kind: 'command'; readonly noun?: string }
  | { readonly kind: 'flag'; readonly options: readonly OptionSpec<unknown>[] }
  /** `prefix` stands before the value in the same word: "--phase=". */
  | { readonly kind: 'value'; readonly completes: Completes; readonly prefix: string }
  | { readonly kind: 'nothing' };

export interface TypedLine {
  readonly wanted: Wanted;
  /** The part of the last word that is to be completed. */
  readonly typed: string;
  /** What was given before by flags of one value: --context, --address. */
  readonly flags: Readonly<Record<string, string>>;
  /** Arguments given before, by their keys. */
  readonly args: Readonly<Record<string, string>>;
}

/** Reads the words behind `wo`, of which the last is being typed. Never refuses anything: what is wrong is told when the line is entered. */
export async function readTypedLine(words: readonly string[]): Promise<TypedLine> {
  const walk = new Walk();
  for (const word of words.slice(0, -1)) await walk.step(word);
  return walk.ask(words.at(-1) ?? '');
}

const nothing: Wanted = { kind: 'nothing' };

class Walk {
  #noun: string | undefined;
  #command: Command | undefined;
  #isLost = false;
  /** Behind `--`: no flags any more. */
  #isBare = false;
  #pending: { key: string; spec: OptionSpec<unknown> } | undefined;
  readonly #operands: string[] = [];
  readonly #flags: Record<string, string> = {};

  async step(word: string): Promise<void> {
    if (this.#pending) {
      this.#flags[this.#pending.key] = word;
      this.#pending = undefined;
    } else if (this.#isBare || !word.startsWith('-') || word === '-') await this.#operand(word);
    else if (word === '--') this.#isBare = true;
    else this.#flag(word);
  }

  ask(word: string): TypedLine {
    const keys = Object.keys(this.#command?.arguments ?? {});
    const args = Object.fromEntries(this.#operands.slice(0, keys.length).map((text, index) => [keys[index]!, text]));
    const { wanted, typed } = this.#wanted(word);
    return { wanted, typed, flags: this.#flags, args };
  }

  #wanted(word: string): Pick<TypedLine, 'wanted' | 'typed'> {
    if (this.#pending) return { wanted: value(this.#pending.spec.completes), typed: word };
    if (!this.#isBare && word.startsWith('-')) {
      const at = word.indexOf('=');
      if (at < 0) return { wanted: { kind: 'flag', options: Object.values(this.#options()) }, typed: word };
      const found = this.#find(word.slice(0, at));
      return { wanted: value(found?.spec.completes, word.slice(0, at + 1)), typed: word.slice(at + 1) };
    }
    if (this.#isLost) return { wanted: nothing, typed: word };
    if (!this.#command) return { wanted: { kind: 'command', ...(this.#noun !== undefined && { noun: this.#noun }) }, typed: word };
    return { wanted: value(this.#argument()?.completes), typed: word };
  }

  /** The argument whose turn it is; the last one may take the rest. */
  #argument(): ArgumentSpec<unknown> | undefined {
    const specs = Object.values(this.#command?.arguments ?? {});
    const last = specs.at(-1);
    const takesRest = last?.kind === 'many' || last?.kind === 'some';
    return specs[this.#operands.length] ?? (takesRest ? last : undefined);
  }

  async #operand(word: string): Promise<void> {
    if (this.#command) {
      this.#operands.push(word);
      return;
    }
    // `wo help family create`
    if (word === 'help' && this.#noun === undefined) return;
    if (this.#noun === undefined && Object.hasOwn(nouns, word)) this.#noun = word;
    else {
      const registered = find(this.#noun, word);
      this.#command = await registered?.load();
      this.#isLost = registered === undefined;
    }
  }

  #flag(word: string): void {
    const at = word.indexOf('=');
    const found = this.#find(at < 0 ? word : word.slice(0, at));
    if (!found || !takesValue(found.spec)) return;
    if (at < 0) this.#pending = found;
    else this.#flags[found.key] = word.slice(at + 1);
  }

  #find(name: string): { key: string; spec: OptionSpec<unknown> } | undefined {
    const found = Object.entries(this.#options()).find(([, spec]) => namesOf(spec).includes(name));
    return found && { key: found[0], spec: found[1] };
  }

  #options(): Readonly<Record<string, OptionSpec<unknown>>> {
    return { ...this.#command?.options, ...globalOptions };
  }
}

function find(noun: string | undefined, word: string): Registered | undefined {
  return commands.find(({ path, short }) => path === (noun === undefined ? word : `${noun} ${word}`) || (noun === undefined && short === word));
}

function value(completes: Completes | undefined, prefix = ''): Wanted {
  return completes === undefined ? nothing : { kind: 'value', completes, prefix };
}

/** "-t, --template <file>" -> "-t", "--template" */
export function namesOf(spec: OptionSpec<unknown>): string[] {
  return spec.flags.split(/[ ,]+/).filter((word) => word.startsWith('-'));
}

function takesValue(spec: OptionSpec<unknown>): boolean {
  return spec.flags.includes('<');
}
