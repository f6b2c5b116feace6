import { CompiledQuery, type QueryResult, type RawBuilder } from 'kysely';
import type { Database } from './collection.js';

/** There are about as many in the program; only lists of many lengths bring more. */
const keptAtMost = 500;

/**
 * Texts of statements by their shape. To put one together out of its parts takes Kysely 30 to 900 us, by its number of rows, and
 * SQLite 2 to 300 us to run it: so that is done once for each shape.
 */
export class Statements {
  readonly #texts = new Map<string, string>();

  /** `build` makes the statement where its shape is new; the text may depend on the shape alone, and the parameters stand in its order. */
  async run<R>(database: Database, shape: string, parameters: readonly unknown[], build: () => RawBuilder<unknown>): Promise<QueryResult<R>> {
    return database.executeQuery<R>(CompiledQuery.raw(this.#text(database, shape, build), parameters as unknown[]));
  }

  #text(database: Database, shape: string, build: () => RawBuilder<unknown>): string {
    const known = this.#texts.get(shape);
    if (known !== undefined) return known;
    const text = build().compile(database).sql;
    if (this.#texts.size >= keptAtMost) this.#texts.clear();
    this.#texts.set(shape, text);
    return text;
  }
}

/** 64 rows of 15 columns stay below the 999 parameters that old builds of SQLite allow. */
const rowsAtOnce = 64;

/** Rows to be written in one statement each: their numbers are powers of two, so that there are few shapes. */
export function* portions<T>(items: readonly T[]): Generator<readonly T[]> {
  let size = rowsAtOnce;
  for (let start = 0; start < items.length; start += size) {
    while (size > items.length - start) size /= 2;
    yield items.slice(start, start + size);
  }
}

const idsAtOnce = 512;

/** Ids to be asked for in one statement each, filled up to a power of two with one of them for the same reason. */
export function* filledPortions(ids: readonly string[]): Generator<readonly string[]> {
  for (let start = 0; start < ids.length; start += idsAtOnce) {
    const some = ids.slice(start, start + idsAtOnce);
    const size = 2 ** Math.ceil(Math.log2(some.length));
    yield [...some, ...Array.from({ length: size - some.length }, () => some[0]!)];
  }
}
