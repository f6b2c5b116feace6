import type { Secrets } from '../engine/ports.js';

/** Seals so that a test can read it: `sealed:<owner>:<text>`. */
export const fakeSecrets: Secrets = {
  seal: (owner, plain) => `sealed:${owner}:${Buffer.from(plain).toString('latin1')}`,
  open(owner, sealed) {
    const prefix = `sealed:${owner}:`;
    if (!sealed.startsWith(prefix)) throw new Error(`the secret is not one of ${owner}`);
    return Buffer.from(sealed.slice(prefix.length), 'latin1');
  },
};
