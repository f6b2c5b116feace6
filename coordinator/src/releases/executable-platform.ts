import type { Platform } from '../domain/model/release.js';

/** As much of a program as tells what it was built for: its header, and the name of its loader right behind. */
export const executableHeadBytes = 8 * 1024;

const any: Platform = { os: '', arch: '', libc: '' };
/** e_machine of ELF, cputype of Mach-O. */
const elfMachines = new Map([[0x03, 'ia32'], [0x15, 'ppc64'], [0x16, 's390x'], [0x28, 'arm'], [0x3e, 'x64'], [0xb7, 'arm64'], [0xf3, 'riscv64'], [0x102, 'loong64']]);
const machMachines = new Map([[0x0100_0007, 'x64'], [0x0100_000c, 'arm64']]);
const loaderSegment = 3;

/** What a program was built for, from its first bytes; empty fields where they do not say. */
export function executablePlatform(head: Uint8Array): Platform {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  try {
    if (bytes.subarray(0, 4).toString('latin1') === '\x7fELF') return elfPlatform(bytes);
    if (bytes.readUInt32LE(0) === 0xfeed_facf) return { os: 'darwin', arch: machMachines.get(bytes.readUInt32LE(4)) ?? '', libc: '' };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return any;
}

function elfPlatform(bytes: Buffer): Platform {
  const is64 = bytes[4] === 2;
  const isLittle = bytes[5] === 1;
  const u16 = (at: number): number => (isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const u32 = (at: number): number => (isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const word = (at: number): number => (is64 ? Number(isLittle ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at)) : u32(at));
  const arch = elfMachines.get(u16(18)) ?? '';
  const [table, size, count] = is64 ? [word(32), u16(54), u16(56)] : [word(28), u16(42), u16(44)];
  for (let index = 0; index < count; index += 1) {
    const at = table + index * size;
    if (at + size > bytes.length) break;
    if (u32(at) !== loaderSegment) continue;
    const [offset, length] = is64 ? [word(at + 8), word(at + 32)] : [word(at + 4), word(at + 16)];
    return { ...systemOf(bytes.subarray(offset, offset + length).toString('latin1')), arch };
  }
  return { ...any, arch };
}

/** The loader's name tells the system and its C library. */
function systemOf(loader: string): Pick<Platform, 'os' | 'libc'> {
  if (/\/ld-musl-/.test(loader)) return { os: 'linux', libc: 'musl' };
  if (/\/ld(-linux[\w-]*|64|-[\d.]+)?\.so\.\d/.test(loader) && !loader.includes('ld-elf')) return { os: 'linux', libc: 'glibc' };
  if (loader.startsWith('/libexec/ld-elf.so')) return { os: 'freebsd', libc: '' };
  if (loader.startsWith('/usr/libexec/ld.so')) return { os: 'openbsd', libc: '' };
  return { os: '', libc: '' };
}
