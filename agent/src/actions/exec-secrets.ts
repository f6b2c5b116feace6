import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../identity/atomic-file.js';

const algorithm = 'aes-256-gcm';
const [keyBytes, nonceBytes, tagBytes] = [32, 12, 16];

/**
 * What commands were given in secret: an agent that takes up a command of an earlier one has to star it in the output.
 * It lies sealed in the command's folder, under a key of this host, until the outcome is there.
 */
export class ExecSecrets {
  readonly #keyFile: string;

  constructor(agentDirectory: string) {
    this.#keyFile = join(agentDirectory, 'exec.key');
  }

  /** To be called before the command is started; on the disk when it returns. */
  seal(directory: string, startId: string, secrets: readonly string[]): void {
    if (secrets.length === 0) return;
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, this.#key(), nonce).setAAD(Buffer.from(startId));
    const sealed = Buffer.concat([cipher.update(JSON.stringify(secrets)), cipher.final()]);
    writeFileAtomically(sealedFile(directory), Buffer.concat([nonce, cipher.getAuthTag(), sealed]));
  }

  /** Undefined when there are some and they cannot be read. */
  open(directory: string, startId: string): readonly string[] | undefined {
    const file = sealedFile(directory);
    if (!existsSync(file)) return [];
    try {
      const bytes = readFileSync(file);
      const decipher = createDecipheriv(algorithm, readFileSync(this.#keyFile), bytes.subarray(0, nonceBytes));
      decipher.setAAD(Buffer.from(startId)).setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
      return JSON.parse(`${decipher.update(bytes.subarray(nonceBytes + tagBytes), undefined, 'utf8')}${decipher.final('utf8')}`) as string[];
    } catch {
      return undefined;
    }
  }

  forget(directory: string): void {
    const file = sealedFile(directory);
    if (existsSync(file)) rmSync(file, { force: true });
  }

  /** Made at the first call. */
  #key(): Buffer {
    if (!existsSync(this.#keyFile)) writeFileAtomically(this.#keyFile, randomBytes(keyBytes));
    return readFileSync(this.#keyFile);
  }
}

function sealedFile(directory: string): string {
  return join(directory, 'secrets');
}
