import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { WombatError } from '@wombat/proto';
import { syncDirectory, writeFileAtomically } from './atomic-file.js';
import type { Identity } from './identity.js';

/**
 * What the identity is on disk, in `<directory>/identity` (0700):
 *
 * - `key.pem`: made on this machine before anything is sent, kept over retries and renewals;
 * - `request.der`: the certificate request for that key, kept so that a renewal need not make one;
 * - `identity.json`: ids, certificate and trusted CAs in ONE file, so that they can never disagree.
 */
export class IdentityFiles {
  readonly #directory: string;

  constructor(agentDirectory: string) {
    this.#directory = join(agentDirectory, 'identity');
  }

  /** The key of this host in PEM; made at the first call. */
  privateKey(): string {
    const path = this.#path('key.pem');
    const kept = readIfThere(path);
    if (kept !== undefined) return checkedKey(kept, path);
    this.#makeDirectory();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    // A request kept from an earlier key would ask for a certificate that fits nothing.
    rmSync(this.#path('request.der'), { force: true });
    writeFileAtomically(path, pem);
    return pem;
  }

  /** The certificate request in DER, made by `make` when there is none yet. */
  async request(make: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const path = this.#path('request.der');
    try {
      return readFileSync(path);
    } catch {
      const request = await make();
      writeFileAtomically(path, request);
      return request;
    }
  }

  /** Undefined until the host is enrolled. */
  load(): Identity | undefined {
    const text = readIfThere(this.#path('identity.json'));
    if (text === undefined) return undefined;
    return { ...parseIdentity(text, this.#path('identity.json')), privateKey: this.privateKey() };
  }

  save(identity: Identity): void {
    const { clusterId, hostId, certificateChain, trustedCa, obtainedAtMs } = identity;
    const text = JSON.stringify({ version: 1, clusterId, hostId, certificateChain, trustedCa, obtainedAtMs }, undefined, 2);
    writeFileAtomically(this.#path('identity.json'), `${text}\n`);
  }

  #makeDirectory(): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    // The directory may have been made with other rights by a person.
    chmodSync(this.#directory, 0o700);
    syncDirectory(join(this.#directory, '..'));
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }
}

/** The text of a join token file; undefined when the file is not there. */
export function readTokenFile(path: string): string | undefined {
  return readIfThere(path)?.trim();
}

/** A token is of no use after the host has joined, and a secret that is gone cannot leak. */
export function removeTokenFile(path: string): void {
  rmSync(path, { force: true });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new WombatError('WO_CONFIG_INVALID', `cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function checkedKey(pem: string, path: string): string {
  try {
    if (createPrivateKey(pem).asymmetricKeyDetails?.namedCurve === 'prime256v1') return pem;
  } catch {
    // Judged below; the cause could quote the key.
  }
  throw new WombatError('WO_CONFIG_INVALID', `${path} holds no P-256 key`, { hint: 'remove the identity directory and enrol the host again' });
}

function parseIdentity(text: string, path: string): Omit<Identity, 'privateKey'> {
  try {
    const { clusterId, hostId, certificateChain, trustedCa, obtainedAtMs } = JSON.parse(text) as Record<string, unknown>;
    if ([clusterId, hostId, certificateChain, trustedCa].every((value) => typeof value === 'string') && Number.isFinite(obtainedAtMs)) {
      return { clusterId, hostId, certificateChain, trustedCa, obtainedAtMs } as Omit<Identity, 'privateKey'>;
    }
  } catch {
    // Judged below, together with a file of another shape.
  }
  throw new WombatError('WO_CONFIG_INVALID', `${path} cannot be read as an identity`, { hint: 'remove the identity directory and enrol the host again' });
}
