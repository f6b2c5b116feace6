import { open } from 'node:fs/promises';
import type { ManifestFile } from '@wombat/proto/control';
import { UsageError } from '../../usage-error.js';

/** As much as the coordinator reads of a manifest. */
const maximumBytes = 256 * 1024;

/** The text as it is: what it says is the coordinator's to judge, by the one schema there is. */
export async function readManifestFile(path: string, called: string): Promise<ManifestFile> {
  const text = await readBounded(path, called);
  if (text.length > maximumBytes) throw new UsageError(`the manifest ${called} is longer than ${maximumBytes} bytes`);
  return { name: called, text: text.toString('utf8') };
}

async function readBounded(path: string, called: string): Promise<Buffer> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(maximumBytes + 1), 0, maximumBytes + 1, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(code === 'ENOENT' ? `there is no file ${called}` : `the manifest ${called} cannot be read (${code})`);
  }
}
