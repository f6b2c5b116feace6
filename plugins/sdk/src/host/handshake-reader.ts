import type { Readable } from 'node:stream';
import { parseHandshake } from '@wombat/proto/plugin';

const longestLineBytes = 4_096;
const newline = 0x0a;

/**
 * The socket that a program's first line names; what follows the line is left in the stream.
 *
 * @throws Error when the line is wrong or too long; for one that never comes its caller keeps a deadline
 */
export async function readHandshake(stdout: Readable): Promise<string> {
  let seen = Buffer.alloc(0);
  return await new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      stdout.pause().off('data', onData);
      act();
    };
    const onData = (chunk: Buffer): void => {
      seen = Buffer.concat([seen, chunk]);
      const end = seen.indexOf(newline);
      if (end < 0 && seen.length <= longestLineBytes) return;
      settle(() => {
        if (end < 0 || end > longestLineBytes) return reject(new Error('its first line is no handshake of a plugin'));
        if (seen.length > end + 1) stdout.unshift(seen.subarray(end + 1));
        try {
          resolve(parseHandshake(seen.toString('utf8', 0, end)));
        } catch (error) {
          reject(error as Error);
        }
      });
    };
    stdout.on('data', onData);
  });
}
