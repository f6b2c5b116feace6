import { WombatError } from '@wombat/proto';

/** Refuses Exec frames that are replayed or come out of order: the number grows by one within a session. */
export class ExecSequence {
  #last: bigint | undefined;

  /** The next frame may bear any number. */
  begin(): void {
    this.#last = undefined;
  }

  /** @throws WombatError WO_EXEC_REJECTED */
  check(sequence: bigint): void {
    // A session that was not announced begins with 0 or 1.
    const isFirst = this.#last === undefined || sequence <= 1n;
    if (!isFirst && sequence !== this.#last! + 1n) {
      throw new WombatError('WO_EXEC_REJECTED', `exec frame ${sequence} does not follow ${this.#last}: replayed or out of order`);
    }
    this.#last = sequence;
  }
}
