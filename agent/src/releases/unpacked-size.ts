import { open } from 'node:fs/promises';
import { limits } from '@wombat/proto';

const gzipMark = 0x1f8b;

/**
 * How large a tarball will be when it is unpacked, as its own end says: only an estimate, since a
 * hostile one may lie. What it says beyond the limits is left to whoever unpacks it.
 */
export async function unpackedBytes(archivePath: string, sizeBytes: number): Promise<number> {
  const file = await open(archivePath, 'r');
  try {
    const head = Buffer.alloc(2);
    const tail = Buffer.alloc(4);
    await file.read(head, 0, 2, 0);
    await file.read(tail, 0, 4, Math.max(0, sizeBytes - 4));
    if (head.readUInt16BE(0) !== gzipMark) return sizeBytes;
    const said = tail.readUInt32LE(0);
    const isAllowed = said <= Math.max(limits.ratioFloorBytes, sizeBytes * limits.expansionRatio);
    return isAllowed ? Math.max(said, sizeBytes) : sizeBytes;
  } finally {
    await file.close();
  }
}
