import type { Database } from '../kysely/collection.js';
import type { Writer } from '../kysely/kysely-store.js';
import type { OpenMark } from './open-mark.js';

/** The one connection that writes. Kysely gives it to one transaction after another. */
export class SqliteWriter implements Writer {
  constructor(
    private readonly database: Database,
    private readonly mark: OpenMark,
  ) {}

  async transaction<T>(work: (database: Database) => Promise<T>, committed: () => void): Promise<T> {
    const result = await this.database.transaction().execute(work);
    committed();
    return result;
  }

  close(): Promise<void> {
    this.mark.remove();
    return this.database.destroy();
  }
}
