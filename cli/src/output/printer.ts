import type { GlobalFlags, OutputFormat } from '../global-options.js';
import type { Colours } from '../terminal/colours.js';
import { colourChoice, coloursFor } from '../terminal/colours.js';
import type { Io } from '../terminal/io.js';
import { sanitise } from './sanitise.js';
import type { Column } from './table.js';

interface Identified {
  readonly metadata?: { readonly id: string; readonly name: string } | undefined;
}

/** A list in every format: columns for people, the API's JSON for programs. */
export interface Listing<T> {
  readonly items: readonly T[];
  readonly columns: readonly Column<T>[];
  /** Key of the list in the API's answer. */
  readonly key: string;
  readonly toJson: (item: T) => unknown;
  /** What -q prints; the id of the metadata when left out. */
  readonly id?: (item: T) => string;
  readonly name?: (item: T) => string;
  /** Told on stderr when there is nothing to list. */
  readonly nothing: string;
}

/** Something just made: its id alone for programs, a line and what to do next for people. */
export interface Created {
  readonly id: string;
  readonly name?: string;
  readonly json: unknown;
  readonly line: string;
  readonly next?: string;
}

/** Data goes to stdout, talk to stderr; each stream is asked for itself whether it is a terminal. */
export class Printer {
  readonly format: OutputFormat;
  readonly out: Colours;
  readonly err: Colours;
  readonly #io: Io;
  readonly #flags: GlobalFlags;

  constructor(io: Io, flags: GlobalFlags) {
    this.#io = io;
    this.#flags = flags;
    this.format = flags.output ?? 'table';
    this.out = coloursFor(io.stdout, io.env, colourChoice(flags));
    this.err = coloursFor(io.stderr, io.env, colourChoice(flags));
  }

  /** The answer is meant for a program: JSON, YAML, JSON lines. */
  get isForPrograms(): boolean {
    return this.format === 'json' || this.format === 'yaml' || this.format === 'jsonl';
  }

  /** How wide a table may be: as the terminal, without limit with -o wide and elsewhere. */
  get tableWidth(): number {
    const { isTTY, columns } = this.#io.stdout;
    return isTTY === true && this.format !== 'wide' ? columns ?? Infinity : Infinity;
  }

  /** Data, one or more lines. */
  data(text: string): void {
    this.#io.stdout.write(`${text}\n`);
  }

  /** Talk; nothing with -q. */
  tell(text: string): void {
    if (!this.#flags.quiet) this.warn(text);
  }

  /** Talk that must be heard. */
  warn(text: string): void {
    this.#io.stderr.write(`${text}\n`);
  }

  async json(value: unknown): Promise<void> {
    if (this.format === 'jsonl') return this.data(JSON.stringify(value));
    if (this.format !== 'yaml') return this.data(JSON.stringify(value, null, 2));
    const { toYaml } = await import('./to-yaml.js');
    this.data(toYaml(value));
  }

  async list<T extends Identified>(listing: Listing<T>): Promise<void> {
    const { items, toJson, key } = listing;
    const id = listing.id ?? ((item: T): string => item.metadata?.id ?? '');
    const name = listing.name ?? ((item: T): string => item.metadata?.name || (item.metadata?.id ?? ''));
    if (this.format === 'jsonl') return items.forEach((item) => this.data(JSON.stringify(toJson(item))));
    if (this.isForPrograms) return this.json({ [key]: items.map(toJson) });
    if (this.format === 'name') return items.forEach((item) => this.data(sanitise(name(item))));
    if (this.#flags.quiet) return items.forEach((item) => this.data(sanitise(id(item))));
    if (items.length === 0) return this.tell(listing.nothing);
    const { table } = await import('./table.js');
    const columns = listing.columns.filter((column) => this.format === 'wide' || !column.wide);
    this.data(table(columns, items, { paintTitle: this.out.dim, width: this.tableWidth }));
  }

  /** One object as "key  value" lines, or as the API's JSON. */
  async show<T extends Identified>(object: T, json: unknown, entries: () => readonly (readonly [string, string])[]): Promise<void> {
    if (this.isForPrograms) return this.json(json);
    if (this.format === 'name') return this.data(sanitise(object.metadata?.name ?? ''));
    if (this.#flags.quiet) return this.data(sanitise(object.metadata?.id ?? ''));
    const { fields } = await import('./table.js');
    this.data(fields(entries(), { paintTitle: this.out.dim, width: this.tableWidth }));
  }

  async created(made: Created): Promise<void> {
    if (this.isForPrograms) return this.json(made.json);
    if (this.format === 'name') return this.data(sanitise(made.name ?? made.id));
    if (this.#flags.quiet || this.#io.stdout.isTTY !== true) return this.data(sanitise(made.id));
    this.data(`${this.out.green('✓')} ${sanitise(made.line)}`);
    if (made.next) this.next(made.next);
  }

  /** What would have been made: nothing on stdout that a script could take for an id. */
  async planned(line: string, json: unknown, entries?: readonly (readonly [string, string])[]): Promise<void> {
    if (this.isForPrograms) return this.json(json);
    if (entries && !this.#flags.quiet) {
      const { fields } = await import('./table.js');
      this.data(fields(entries, { paintTitle: this.out.dim, width: this.tableWidth }));
    }
    this.tell(`dry run: ${sanitise(line)}; nothing was stored`);
  }

  /** What a person would type next; scripts are not told. */
  next(command: string): void {
    if (!this.isForPrograms && this.#io.stderr.isTTY === true) this.tell(this.err.dim(`  next: ${sanitise(command)}`));
  }

  /** Something done that makes no new object: a line for people, JSON for programs. */
  async done(line: string, json: unknown): Promise<void> {
    if (this.isForPrograms) return this.json(json);
    this.tell(`${this.err.green('✓')} ${sanitise(line)}`);
  }
}
