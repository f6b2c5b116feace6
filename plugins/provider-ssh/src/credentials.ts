import { readFile } from 'node:fs/promises';
import { ProviderError } from '@wombat/plugin-sdk';
import ssh2, { type ConnectConfig } from 'ssh2';
import type { SshSettings } from './settings.js';

export type Proof = Pick<ConnectConfig, 'privateKey' | 'passphrase' | 'agent'>;

/**
 * How a user proves who it is: a key, or an agent that has one.
 *
 * @throws ProviderError auth when there is nothing to prove it with
 */
export async function credentials(settings: SshSettings): Promise<Proof> {
  const { privateKey, privateKeyFile, passphrase, agentSocket = process.env['SSH_AUTH_SOCK'] } = settings;
  if (privateKey !== undefined) return checkedKey('privateKey', privateKey, passphrase);
  if (privateKeyFile !== undefined) return checkedKey('privateKeyFile', await readKey(privateKeyFile), passphrase);
  if (agentSocket) return { agent: agentSocket };
  throw ProviderError.auth('there is no key to log in with: set privateKey, privateKeyFile or agentSocket');
}

/** What the library says of a key that it cannot read does not quote it; it is told in words of our own all the same. */
function checkedKey(setting: string, text: string, passphrase: string | undefined): Proof {
  // The last newline is easily lost on the way, and the format asks for it.
  const privateKey = `${text.trim()}\n`;
  const parsed = ssh2.utils.parseKey(privateKey, passphrase);
  if (!(parsed instanceof Error)) return { privateKey, ...(passphrase === undefined ? {} : { passphrase }) };
  const isLocked = /passphrase|decrypt|integrity|bad auth|encrypted/i.test(parsed.message);
  throw ProviderError.auth(`${setting}: ${isLocked ? 'the passphrase of the key is wrong or missing' : 'is no private key that can be read'}`);
}

async function readKey(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw ProviderError.auth(`privateKeyFile: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
}
