/** Something that has frames to write. */
export interface Writer {
  /** Writes until there is nothing left or the other end must read first. */
  flush(): void;
}

/**
 * Writes for all sessions in turns: some writers, then the event loop gets its turn. A fan-out to
 * thousands of agents is answered sooner when the first answers are read between the writes.
 */
export class WritePump {
  readonly #writersPerTurn: number;
  readonly #waiting = new Set<Writer>();
  #isScheduled = false;

  constructor(writersPerTurn: number) {
    this.#writersPerTurn = writersPerTurn;
  }

  add(writer: Writer): void {
    this.#waiting.add(writer);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(this.#turn);
  }

  readonly #turn = (): void => {
    let left = this.#writersPerTurn;
    for (const writer of this.#waiting) {
      if (left-- === 0) break;
      this.#waiting.delete(writer);
      writer.flush();
    }
    this.#isScheduled = this.#waiting.size > 0;
    if (this.#isScheduled) setImmediate(this.#turn);
  };
}
