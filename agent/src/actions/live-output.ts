import { closeSync, readSync } from 'node:fs';
import { limits } from '@wombat/proto';
import { openPlainFile, plainFileSize } from '../logs/plain-file.js';
import type { SecretMask } from '../nodes/mask-secrets.js';

export interface Piece {
  readonly offset: number;
  readonly data: Buffer;
}

/**
 * What a command appends to a file while it runs, in pieces, with secrets starred. Ends behind the first bytes: they stay where
 * they are in the file, whatever is cut out behind them.
 */
export class LiveOutput {
  readonly #file: string;
  readonly #endBytes: number;
  #offset = 0;

  /** `limitBytes`: what is kept of the output, half of it from the beginning. */
  constructor(file: string, limitBytes: number) {
    this.#file = file;
    this.#endBytes = Math.min(limits.liveOutputBytes, Math.floor(limitBytes / 2));
  }

  /** Hands over what is new, and begins there again where it is not taken. What cannot be read now comes with the outcome. */
  tell(mask: SecretMask, take: (piece: Piece) => boolean): void {
    const size = Math.min(plainFileSize(this.#file), this.#endBytes);
    try {
      while (this.#offset < size) {
        const data = this.#shown(Math.min(limits.livePieceBytes, size - this.#offset), mask);
        if (data.length === 0 || !take({ offset: this.#offset, data })) return;
        this.#offset += data.length;
      }
    } catch {
      this.#offset = this.#endBytes;
    }
  }

  /** Without what may be the beginning of a secret whose rest is still to come; one may have begun before what was told last. */
  #shown(bytes: number, mask: SecretMask): Buffer {
    const start = Math.max(0, this.#offset - mask.reachBytes);
    const buffer = Buffer.alloc(this.#offset - start + bytes);
    const descriptor = openPlainFile(this.#file);
    try {
      const written = buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, start));
      return mask.bytes(written).subarray(this.#offset - start, written.length - mask.openBytes(written));
    } finally {
      closeSync(descriptor);
    }
  }
}
