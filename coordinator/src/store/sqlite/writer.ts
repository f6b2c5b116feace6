import type { Database } from '../kysely/collection.js';
import type { Writer } from '../kysely/kysely-store.js';
import { OneAfterAnother } from '../kysely/one-after-another.js';

/** The one connection that writes. */
export class SqliteWriter implements Writer {
  readonly #turns = new OneAfterAnother();

  constructor(private readonly database: Database) {}

  transaction<T>(work: (database: Database) => Promise<T>, committed: () => void): Promise<T> {
    return this.#turns.run(async () => {
      const result = await this.database.transaction().execute(work);
      committed();
      return result;
    });
  }

  async close(): Promise<void> {
    await this.#turns.idle();
    await this.database.destroy();
  }
}
