import type { Completes, ObjectKind } from './completion/source.js';
import type { Runtime } from './runtime.js';

/** An option as `--amount <n>`, and how its text becomes a value. */
export interface OptionSpec<T> {
  /** As commander writes flags: "-t, --template <file>". */
  readonly flags: string;
  readonly help: string;
  /** Gets every text given, in order; none when the option is absent. Throws UsageError. */
  readonly read: (texts: readonly string[], name: string) => T;
  /** What its value may be; nothing is offered when left out. */
  readonly completes?: Completes;
}

/** A positional argument; `T` is string, string | undefined, or a list. */
export interface ArgumentSpec<T> {
  readonly kind: 'required' | 'optional' | 'many' | 'some';
  readonly help: string;
  /** What help and errors call it; the key in upper case when left out. */
  readonly label?: string;
  /** What it may be; nothing is offered when left out. */
  readonly completes?: Completes;
  /** Never set: carries the type. */
  readonly value?: T;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec<unknown>>>;
export type ArgumentSpecs = Readonly<Record<string, ArgumentSpec<unknown>>>;
export type OptionValues<O> = { readonly [K in keyof O]: O[K] extends OptionSpec<infer T> ? T : never };
export type ArgumentValues<A> = { readonly [K in keyof A]: A[K] extends ArgumentSpec<infer T> ? T : never };

export interface Example {
  readonly command: string;
  readonly explanation: string;
}

interface CommandShape {
  /** A paragraph or two for `--help`, below the summary. */
  readonly description: string;
  readonly examples: readonly [Example, Example, ...Example[]];
  /** Instead of the usage line that the arguments give. */
  readonly usage?: string;
  /** What the global --timeout means here, when it is not the deadline of the call. */
  readonly timeoutHelp?: string;
  /** Options that `wo` does not know are arguments of it, and so is `--help` behind the first of them. */
  readonly passesOptions?: boolean;
}

/** A command with help, flags and run together. Its result is the exit code; nothing means 0. */
export interface CommandDefinition<A extends ArgumentSpecs, O extends OptionSpecs> extends CommandShape {
  readonly arguments: A;
  readonly options: O;
  run(runtime: Runtime, args: ArgumentValues<A>, options: OptionValues<O>): Promise<number | void>;
}

/** A command whose types have been told to the compiler and are forgotten again. */
export interface Command extends CommandShape {
  readonly arguments: ArgumentSpecs;
  readonly options: OptionSpecs;
  run(runtime: Runtime, args: Readonly<Record<string, unknown>>, options: Readonly<Record<string, unknown>>): Promise<number | void>;
}

export function defineCommand<const A extends ArgumentSpecs, const O extends OptionSpecs>(definition: CommandDefinition<A, O>): Command {
  return definition as unknown as Command;
}

/** What more may be said of an argument. */
export type ArgumentDetails = Pick<ArgumentSpec<never>, 'label' | 'completes'>;

export function required(help: string, details: ArgumentDetails = {}): ArgumentSpec<string> {
  return { kind: 'required', help, ...details };
}

export function optional(help: string, details: ArgumentDetails = {}): ArgumentSpec<string | undefined> {
  return { kind: 'optional', help, ...details };
}

/** Any number, also none; only as the last argument. */
export function many(help: string, details: ArgumentDetails = {}): ArgumentSpec<readonly string[]> {
  return { kind: 'many', help, ...details };
}

/** At least one; only as the last argument. */
export function some(help: string, details: ArgumentDetails = {}): ArgumentSpec<readonly string[]> {
  return { kind: 'some', help, ...details };
}

const withoutNames: ReadonlySet<ObjectKind> = new Set(['operation', 'job', 'domain', 'token']);

/** An object that the coordinator finds by whatever the help says. */
export function object(kind: ObjectKind): ArgumentSpec<string> {
  return required(withoutNames.has(kind) ? 'id, or its beginning' : 'id, name, or the beginning of an id', { completes: kind });
}
