import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { WombatError } from '@wombat/proto';
import { sha256Hex } from './digest.js';
import type { Store } from '../store/store.js';
import { readOrCreatePrivateFile, readPrivateFile } from './private-file.js';

const algorithm = 'aes-256-gcm';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const pattern = /^wsb1\.([0-9a-f]{8})\.([A-Za-z0-9_-]+)$/;

/** Where the store says which keys have sealed something in it. */
const metaKey = 'secret-keys';

/**
 * Seals secrets for the store: `wsb1.<key id>.<base64url of nonce, ciphertext, tag>`. The id of
 * the row is associated data, so that a ciphertext opens in its own row only. There may be several keys, one behind
 * the other: each is found by its id, and the last one seals.
 */
export class SecretBox {
  readonly #keys = new Map<string, Buffer>();
  readonly #sealingId: string;

  constructor(keys: Buffer) {
    if (keys.length === 0 || keys.length % keyBytes !== 0) throw new WombatError('WO_KEY_UNUSABLE', `secrets.key has ${keys.length} bytes, and keys have ${keyBytes} each`, { hint: 'restore the file from the backup' });
    for (let start = 0; start < keys.length; start += keyBytes) {
      const key = keys.subarray(start, start + keyBytes);
      this.#keys.set(idOf(key), key);
    }
    this.#sealingId = idOf(keys.subarray(-keyBytes));
  }

  get keyIds(): readonly string[] {
    return [...this.#keys.keys()];
  }

  /**
   * Reads `secrets.key` of the directory, and makes it at first start: a store with secrets in it never gets a new
   * key, with which it could not be read.
   * @throws WombatError WO_KEY_UNUSABLE when the file is lost, another one, damaged, or may be read by others
   */
  static async load(directory: string, store: Pick<Store, 'read' | 'transaction'>): Promise<SecretBox> {
    const file = join(directory, 'secrets.key');
    const known = (await store.read.meta.get(metaKey))?.split(',') ?? [];
    const keys = known.length === 0 ? await readOrCreatePrivateFile(file, () => randomBytes(keyBytes)) : await readPrivateFile(file);
    if (!keys) throw new WombatError('WO_KEY_UNUSABLE', `${file} is not there, and the secrets in the store were sealed with it (key ${known.join(', ')})`, { hint: restore });
    const box = new SecretBox(keys);
    const missing = known.filter((id) => !box.keyIds.includes(id));
    if (missing.length > 0) throw new WombatError('WO_KEY_UNUSABLE', `${file} is of another store: it lacks the key ${missing.join(', ')}, with which secrets were sealed`, { hint: restore });
    if (!known.includes(box.#sealingId)) await store.transaction((transaction) => transaction.meta.set(metaKey, [...known, box.#sealingId].join(',')));
    return box;
  }

  seal(rowId: string, secret: Uint8Array): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, this.#keys.get(this.#sealingId)!, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(rowId));
    const sealed = Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
    return `wsb1.${this.#sealingId}.${sealed.toString('base64url')}`;
  }

  /** @throws WombatError WO_SECRET_UNREADABLE when the key, the row or a bit is another one */
  open(rowId: string, text: string): Buffer {
    const match = pattern.exec(text);
    if (!match) throw unreadable(rowId, 'it is not of the form that this version writes');
    const key = this.#keys.get(match[1]!);
    if (!key) throw unreadable(rowId, `it was sealed with the key ${match[1]}, this coordinator has ${this.keyIds.join(', ')}`);
    const sealed = Buffer.from(match[2]!, 'base64url');
    if (sealed.length < nonceBytes + tagBytes) throw unreadable(rowId, 'it is cut short');
    try {
      const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
        .setAAD(Buffer.from(rowId))
        .setAuthTag(sealed.subarray(-tagBytes));
      return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]);
    } catch {
      throw unreadable(rowId, 'it was changed, or belongs to another row');
    }
  }
}

const restore = 'restore the secrets.key that was backed up with this store';

function idOf(key: Buffer): string {
  return sha256Hex(key).slice(0, 8);
}

function unreadable(rowId: string, why: string): WombatError {
  return new WombatError('WO_SECRET_UNREADABLE', `the secret of ${rowId} cannot be read: ${why}`);
}
