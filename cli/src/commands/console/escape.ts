/** What becomes of some bytes that were typed. */
export interface Typed {
  readonly send: Buffer;
  /** `~.` was typed: what came behind it is dropped. */
  readonly leave: boolean;
}

const [tilde, dot, carriageReturn, newline] = Buffer.from('~.\r\n') as unknown as [number, number, number, number];

/**
 * Finds `~.` at the beginning of a line, as ssh does; `~~` there is one tilde.
 * `begun -~-> tilde -.-> left, -~-> inside (one is sent), -other-> inside (both are sent)`
 */
export class Escape {
  #state: 'begun' | 'tilde' | 'inside' = 'begun';

  read(bytes: Uint8Array): Typed {
    const send: number[] = [];
    for (const byte of bytes) {
      if (this.#state === 'tilde' && byte === dot) return { send: Buffer.from(send), leave: true };
      if (this.#state === 'begun' && byte === tilde) {
        this.#state = 'tilde';
        continue;
      }
      if (this.#state === 'tilde' && byte !== tilde) send.push(tilde);
      send.push(byte);
      this.#state = byte === carriageReturn || byte === newline ? 'begun' : 'inside';
    }
    return { send: Buffer.from(send), leave: false };
  }
}
