import { readFileSync } from 'node:fs';
import { arch, platform } from 'node:os';
import fc from 'fast-check';
import t from 'tap';
import { executablePlatform } from './executable-platform.js';
import { elf, type ElfShape } from './testing/elf.js';

t.test('programs of many systems', (t) => {
  const programs: [ElfShape, string][] = [
    [{}, 'linux x64 glibc'],
    [{ arch: 'arm64', loader: '/lib/ld-linux-aarch64.so.1' }, 'linux arm64 glibc'],
    [{ loader: '/lib/ld-musl-x86_64.so.1' }, 'linux x64 musl'],
    [{ arch: 'ia32', bits: 32, loader: '/lib/ld-linux.so.2' }, 'linux ia32 glibc'],
    [{ arch: 's390x', isBigEndian: true, loader: '/lib/ld64.so.1' }, 'linux s390x glibc'],
    [{ loader: '/libexec/ld-elf.so.1' }, 'freebsd x64 '],
    [{ loader: '/usr/libexec/ld.so' }, 'openbsd x64 '],
    [{ arch: 'arm64', loader: '' }, ' arm64 '],
    [{ loader: '/nix/store/abc-glibc-2.37/lib/ld-linux-x86-64.so.2' }, 'linux x64 glibc'],
  ];
  for (const [shape, expected] of programs) {
    const { os, arch, libc } = executablePlatform(elf(shape));
    t.equal([os, arch, libc].join(' '), expected, JSON.stringify(shape));
  }
  const mach = Buffer.alloc(32);
  mach.writeUInt32LE(0xfeed_facf, 0);
  mach.writeUInt32LE(0x0100_000c, 4);
  t.strictSame(executablePlatform(mach), { os: 'darwin', arch: 'arm64', libc: '' });
  t.end();
});

t.test('the program that runs this', { skip: platform() === 'linux' ? false : 'no Linux' }, (t) => {
  t.match(executablePlatform(readFileSync(process.execPath).subarray(0, 8_192)), { os: 'linux', arch: arch(), libc: /^(glibc|musl)$/ });
  t.end();
});

t.test('whatever the bytes are, it answers', (t) => {
  const any = { os: '', arch: '', libc: '' };
  for (const bytes of ['', 'x', '\x7fELF', '#!/bin/sh\nexec beam\n']) t.strictSame(executablePlatform(Buffer.from(bytes, 'latin1')), any, JSON.stringify(bytes));
  t.equal(executablePlatform(elf({ arch: 'arm64' }).subarray(0, 100)).arch, 'arm64', 'a head that ends early still tells its machine');
  const start = elf();
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(200), (noise, at) => {
    const bytes = Buffer.from(start);
    bytes.set(noise, 6 + at);
    return typeof executablePlatform(bytes).arch === 'string';
  }), { numRuns: 2_000 });
  t.end();
});
