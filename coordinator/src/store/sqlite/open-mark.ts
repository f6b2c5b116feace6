import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { WombatError } from '@wombat/proto';

/**
 * A file beside the store while that is open. What was acknowledged last may be in SQLite's log of writes alone, which goes when the
 * store is closed: a mark without a log tells that somebody has taken it away, which SQLite itself does not notice.
 */
export class OpenMark {
  readonly #store: string;
  readonly #mark: string;

  constructor(store: string) {
    this.#store = store;
    this.#mark = `${store}-open`;
  }

  /** @throws WombatError WO_STORE_UNUSABLE */
  check(): void {
    if (!existsSync(this.#mark) || existsSync(`${this.#store}-wal`)) return;
    throw new WombatError('WO_STORE_UNUSABLE', `the store ${this.#store} was not closed, and its log of writes ${this.#store}-wal is missing: what was changed last was in it`, {
      hint: `put the file back, or restore a backup: wo restore; when SQLite's own tools have opened the store since, nothing is lost: rm ${this.#mark}`,
    });
  }

  /** When there is a log. @throws WombatError WO_STORE_UNUSABLE */
  set(): void {
    try {
      writeFileSync(this.#mark, '', { mode: 0o600 });
    } catch (error) {
      throw new WombatError('WO_STORE_UNUSABLE', `the store ${this.#store} cannot be opened: ${(error as Error).message}`, { cause: error });
    }
  }

  /** Before the store is closed. */
  remove(): void {
    rmSync(this.#mark, { force: true });
  }
}
