import type BetterSqlite3 from 'better-sqlite3';

/** Texts of statements that are prepared once; there are about as many in the program. */
const keptAtMost = 300;
const isKept = /^\s*(select|insert|update|delete|begin|commit|rollback|savepoint|release)\b/i;

/** Prepared statements by their text: to prepare one takes longer than to run it. The one used longest ago is let go first. */
export class StatementCache {
  readonly #connection: Pick<BetterSqlite3.Database, 'prepare'>;
  readonly #statements = new Map<string, BetterSqlite3.Statement<unknown[]>>();

  constructor(connection: Pick<BetterSqlite3.Database, 'prepare'>) {
    this.#connection = connection;
  }

  prepare(text: string): BetterSqlite3.Statement<unknown[]> {
    if (!isKept.test(text)) return this.#prepareOther(text);
    const statement = this.#statements.get(text) ?? this.#connection.prepare<unknown[]>(text);
    this.#statements.delete(text);
    this.#statements.set(text, statement);
    if (this.#statements.size > keptAtMost) this.#statements.delete(this.#statements.keys().next().value!);
    return statement;
  }

  /** It may change the tables that the others were prepared for. */
  #prepareOther(text: string): BetterSqlite3.Statement<unknown[]> {
    this.#statements.clear();
    return this.#connection.prepare<unknown[]>(text);
  }
}
