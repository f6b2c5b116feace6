import { createHash, randomInt } from 'node:crypto';

/** The seed of this run: WOMBAT_SEED, to see again what failed, else a new one. */
export function chooseSeed(): string {
  return process.env['WOMBAT_SEED'] || String(randomInt(1_000_000));
}

/** Numbers from 0 to 1 that are the same for the same seed. */
export function seededRandom(seed: string): () => number {
  let count = 0;
  return () => createHash('sha256').update(`${seed}/${count++}`).digest().readUInt32BE(0) / 2 ** 32;
}
