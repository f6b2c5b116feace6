import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { unpackedBytes } from './unpacked-size.js';

t.test('the unpacked size of a tarball, as its end says', async (t) => {
  const file = join(t.testdir(), 'release.tar');
  const sizeOf = (bytes: Buffer): Promise<number> => {
    writeFileSync(file, bytes);
    return unpackedBytes(file, bytes.length);
  };
  t.equal(await sizeOf(Buffer.alloc(10_240)), 10_240, 'not compressed');
  t.equal(await sizeOf(gzipSync(Buffer.alloc(1_000_000))), 1_000_000, 'compressed');
  const lying = gzipSync(Buffer.alloc(100));
  lying.writeUInt32LE(0xffffffff, lying.length - 4);
  t.equal(await sizeOf(lying), lying.length, 'one that says more than is allowed is left to whoever unpacks it');
  t.equal(await sizeOf(Buffer.from([0x1f])), 1, 'whatever it is, it has a size');
});
