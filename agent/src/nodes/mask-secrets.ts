import type { NodeSpec } from '@wombat/proto/agent';

/** Shorter ones stand in any text. */
const shortestBytes = 4;

/**
 * What a node printed is stored by the coordinator with the outcome of a command, an error or the last lines of a log:
 * its secrets are starred there. As many stars as bytes, so that offsets stay what they are.
 */
export class SecretMask {
  /** Longest first: one may be a part of another. */
  readonly #secrets: readonly string[];

  /** `given`: those of one command. */
  constructor(spec: Pick<NodeSpec, 'secrets' | 'erlang'> | undefined, given: readonly string[] = []) {
    const values = [...(spec?.secrets ?? []).map(({ value }) => value), ...(spec?.erlang ? [spec.erlang.cookie] : []), ...given.map((text) => Buffer.from(text))];
    const texts = values.map((value) => Buffer.from(value).toString('latin1'));
    this.#secrets = texts.filter((text) => text.length >= shortestBytes).sort((a, b) => b.length - a.length);
  }

  /** Of the longest secret; 0 when there are none. */
  get longestBytes(): number {
    return this.#secrets[0]?.length ?? 0;
  }

  bytes(bytes: Buffer): Buffer {
    return Buffer.from(this.#mask(bytes.toString('latin1')), 'latin1');
  }

  /** How many of the last bytes may be the beginning of a secret. */
  openBytes(bytes: Buffer): number {
    const end = bytes.subarray(-Math.max(1, this.longestBytes - 1)).toString('latin1');
    for (let from = 0; from < end.length; from += 1) {
      const rest = end.slice(from);
      if (this.#secrets.some((secret) => secret.length > rest.length && secret.startsWith(rest))) return rest.length;
    }
    return 0;
  }

  text(text: string): string {
    return this.bytes(Buffer.from(text)).toString();
  }

  #mask(latin1: string): string {
    return this.#secrets.reduce((shown, secret) => shown.replaceAll(secret, '*'.repeat(secret.length)), latin1);
  }
}
