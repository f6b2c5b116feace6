import type { NodeSpec } from '@wombat/proto/agent';

/** Shorter ones stand in any text. */
const shortestBytes = 4;

/**
 * What a node printed is stored by the coordinator with the outcome of a command, an error or the last lines of a log:
 * its secrets are starred there. As many stars as bytes, so that offsets stay what they are.
 */
export class SecretMask {
  readonly #secrets: readonly string[];

  /** `given`: those of one command. */
  constructor(spec: Pick<NodeSpec, 'secrets' | 'erlang'> | undefined, given: readonly string[] = []) {
    const values = [...(spec?.secrets ?? []).map(({ value }) => value), ...(spec?.erlang ? [spec.erlang.cookie] : []), ...given.map((text) => Buffer.from(text))];
    const texts = values.map((value) => Buffer.from(value).toString('latin1'));
    this.#secrets = texts.filter((text) => text.length >= shortestBytes);
  }

  get isEmpty(): boolean {
    return this.#secrets.length === 0;
  }

  /** So many bytes of a secret can lie on one side of a cut through it. */
  get reachBytes(): number {
    return Math.max(1, ...this.#secrets.map(({ length }) => length)) - 1;
  }

  /** Each byte that belongs to a secret, of two that overlap too. */
  bytes(bytes: Buffer): Buffer {
    const text = bytes.toString('latin1');
    const shown = Buffer.from(bytes);
    for (const secret of this.#secrets) {
      for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, at + 1)) shown.fill('*', at, at + secret.length);
    }
    return shown;
  }

  /** How many of the last bytes, none of them starred, may be the beginning of a secret. */
  openBytes(bytes: Buffer): number {
    const end = bytes.toString('latin1', Math.max(0, bytes.length - this.reachBytes));
    return this.#longestPart(end.length, (secret, length) => secret.startsWith(end.slice(-length)));
  }

  /** How many of the first bytes, none of them starred, may be the end of a secret. */
  tornBytes(bytes: Buffer): number {
    const start = bytes.toString('latin1', 0, this.reachBytes);
    return this.#longestPart(start.length, (secret, length) => secret.endsWith(start.slice(0, length)));
  }

  text(text: string): string {
    return this.bytes(Buffer.from(text)).toString();
  }

  #longestPart(mostBytes: number, isPart: (secret: string, length: number) => boolean): number {
    for (let length = mostBytes; length > 0; length -= 1) {
      if (this.#secrets.some((secret) => secret.length > length && isPart(secret, length))) return length;
    }
    return 0;
  }
}
