import { createHash } from 'node:crypto';

/** A host key as in /etc/ssh/ssh_host_*_key.pub, or its fingerprint as ssh-keygen -l tells it. */
export const pinPattern = /^(?:SHA256:[A-Za-z0-9+/]{43}=?|[a-z0-9@.-]{3,60} [A-Za-z0-9+/]{20,4000}={0,2}(?: .*)?)$/;

/** Whom a machine is taken for: fingerprints of the keys that it may present. */
export interface HostKeys {
  readonly fingerprints: ReadonlySet<string>;
  /** Keys that nobody may present any more. */
  readonly revoked: ReadonlySet<string>;
  /** Kinds of those keys, to ask for just them; undefined: not known. */
  readonly types: readonly string[] | undefined;
}

export interface PresentedKey {
  readonly type: string;
  readonly fingerprint: string;
}

/** One pin, as pinPattern takes it. */
export interface Pin {
  readonly fingerprint: string;
  readonly type?: string;
}

export function readPin(text: string): Pin {
  if (text.startsWith('SHA256:')) return { fingerprint: text.replace(/=$/, '') };
  const [type = '', key = ''] = text.split(' ');
  return { type, fingerprint: fingerprintOf(Buffer.from(key, 'base64')) };
}

export function hostKeysOf(pins: readonly Pin[], revoked: readonly Pin[] = []): HostKeys {
  const types = pins.map(({ type }) => type);
  return {
    fingerprints: new Set(pins.map(({ fingerprint }) => fingerprint)),
    revoked: new Set(revoked.map(({ fingerprint }) => fingerprint)),
    types: types.length > 0 && types.every((type) => type !== undefined) ? [...new Set(types)] : undefined,
  };
}

/** As ssh-keygen -l tells it. */
export function fingerprintOf(key: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** Its kind is the first string of the key. */
export function presentedKey(key: Buffer): PresentedKey {
  const length = key.length < 4 ? 0 : Math.min(key.readUInt32BE(0), 64);
  return { type: key.subarray(4, 4 + length).toString('latin1').replace(/[^a-z0-9@.-]/g, '?'), fingerprint: fingerprintOf(key) };
}

/** Why a machine with this key is not let in; undefined: it is the one. */
export function distrust({ fingerprints, revoked }: HostKeys, { type, fingerprint }: PresentedKey): string | undefined {
  if (revoked.has(fingerprint)) return `its host key ${fingerprint} (${type}) is revoked`;
  if (fingerprints.has(fingerprint)) return undefined;
  const howToPin = `compare it on the machine (ssh-keygen -lf /etc/ssh/ssh_host_${type.replace(/^ssh-/, '').replace(/^ecdsa-.*/, 'ecdsa')}_key.pub), then set its hostKey to that, or add it to the file of knownHosts`;
  return fingerprints.size === 0
    ? `its host key is not known; it presents ${fingerprint} (${type}): ${howToPin}`
    : `its host key has changed, or it is another machine: it presents ${fingerprint} (${type}), not ${[...fingerprints].slice(0, 2).join(' or ')}; if that is right, ${howToPin}`;
}
