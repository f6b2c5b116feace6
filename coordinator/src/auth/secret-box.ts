import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { WombatError } from '@wombat/proto';
import { sha256Hex } from './digest.js';
import { readOrCreatePrivateFile } from './private-file.js';

const algorithm = 'aes-256-gcm';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const pattern = /^wsb1\.([0-9a-f]{8})\.([A-Za-z0-9_-]+)$/;

/**
 * Seals secrets for the store: `wsb1.<key id>.<base64url of nonce, ciphertext, tag>`. The id of
 * the row is associated data, so that a ciphertext opens in its own row only.
 */
export class SecretBox {
  private readonly keyId: string;

  constructor(private readonly key: Buffer) {
    if (key.length !== keyBytes) throw new WombatError('WO_KEY_UNUSABLE', `the key for secrets has ${key.length} bytes, not ${keyBytes}`);
    this.keyId = sha256Hex(key).slice(0, 8);
  }

  /** Reads `secrets.key` of the directory, and makes it at first start. */
  static async load(directory: string): Promise<SecretBox> {
    return new SecretBox(await readOrCreatePrivateFile(join(directory, 'secrets.key'), () => randomBytes(keyBytes)));
  }

  seal(rowId: string, secret: Uint8Array): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, this.key, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(rowId));
    const sealed = Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
    return `wsb1.${this.keyId}.${sealed.toString('base64url')}`;
  }

  /** @throws WombatError WO_SECRET_UNREADABLE when the key, the row or a bit is another one */
  open(rowId: string, text: string): Buffer {
    const match = pattern.exec(text);
    if (!match) throw unreadable(rowId, 'it is not of the form that this version writes');
    if (match[1] !== this.keyId) throw unreadable(rowId, `it was sealed with the key ${match[1]}, this coordinator has ${this.keyId}`);
    const sealed = Buffer.from(match[2]!, 'base64url');
    if (sealed.length < nonceBytes + tagBytes) throw unreadable(rowId, 'it is cut short');
    try {
      const decipher = createDecipheriv(algorithm, this.key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
        .setAAD(Buffer.from(rowId))
        .setAuthTag(sealed.subarray(-tagBytes));
      return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]);
    } catch {
      throw unreadable(rowId, 'it was changed, or belongs to another row');
    }
  }
}

function unreadable(rowId: string, why: string): WombatError {
  return new WombatError('WO_SECRET_UNREADABLE', `the secret of ${rowId} cannot be read: ${why}`);
}
