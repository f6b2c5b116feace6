import { randomBytes } from 'node:crypto';

/** Where a secret may stand; each place must hold it at least once, or the test looks at nothing. */
export interface Places {
  /** Of files below the workshop's directory, by their path in it. */
  readonly files?: readonly RegExp[];
  /** What `wo` printed, by the label of the command. */
  readonly printed?: readonly string[];
  /** Processes of nodes of this family have it in their environment. */
  readonly environment?: string;
  /** It was given to a `wo` on its command line or in its environment: there it may be seen while that runs. */
  readonly givenOpenly?: boolean;
}

/** A secret that is looked for everywhere. */
export class Canary {
  readonly #needles: readonly Buffer[];

  /** `parts` of the secret that stand nowhere by chance, at least 16 bytes each. */
  constructor(
    readonly name: string,
    readonly places: Places,
    parts: readonly (string | Buffer)[],
  ) {
    this.#needles = parts.flatMap((part) => encodings(Buffer.from(part as string)));
  }

  /** A secret to be given, with characters that encodings change around what is looked for. */
  static plant(name: string, places: Places): { readonly canary: Canary; readonly value: string } {
    const core = randomBytes(16).toString('hex');
    return { canary: new Canary(name, places, [core]), value: `p"é+${core}&/'` };
  }

  isIn(bytes: Buffer): boolean {
    return this.#needles.some((needle) => bytes.includes(needle));
  }
}

/** As it is, in hexadecimal, and in base64 wherever in the encoded text it begins. */
function encodings(bytes: Buffer): Buffer[] {
  const hex = bytes.toString('hex');
  const base64 = [0, 1, 2].flatMap((shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), bytes]);
    // What the bytes before and behind have a part in is left out.
    const [from, to] = [Math.ceil((shift * 8) / 6), Math.floor((whole.length * 8) / 6)];
    return [whole.toString('base64'), whole.toString('base64url')].map((text) => text.slice(from, to));
  });
  return [bytes, ...[hex, hex.toUpperCase(), ...base64].map((text) => Buffer.from(text))];
}
