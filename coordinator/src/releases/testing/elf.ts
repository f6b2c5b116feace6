/** What e_machine says. */
export const machines = { x64: 0x3e, arm64: 0xb7, ia32: 0x03, s390x: 0x16 } as const;

export interface ElfShape {
  readonly arch?: keyof typeof machines;
  /** Path of its loader; empty: linked statically. */
  readonly loader?: string;
  readonly bits?: 32 | 64;
  readonly isBigEndian?: boolean;
}

/** The beginning of an ELF program: a header, two segments of which the second names the loader, and that name. */
export function elf({ arch = 'x64', loader = '/lib64/ld-linux-x86-64.so.2', bits = 64, isBigEndian = false }: ElfShape = {}): Buffer {
  const bytes = Buffer.alloc(1_024);
  const is64 = bits === 64;
  const u16 = (value: number, at: number): unknown => (isBigEndian ? bytes.writeUInt16BE(value, at) : bytes.writeUInt16LE(value, at));
  const u32 = (value: number, at: number): unknown => (isBigEndian ? bytes.writeUInt32BE(value, at) : bytes.writeUInt32LE(value, at));
  const word = (value: number, at: number): unknown => {
    if (!is64) return u32(value, at);
    return isBigEndian ? bytes.writeBigUInt64BE(BigInt(value), at) : bytes.writeBigUInt64LE(BigInt(value), at);
  };
  bytes.write('\x7fELF', 0, 'latin1');
  bytes[4] = is64 ? 2 : 1;
  bytes[5] = isBigEndian ? 2 : 1;
  u16(machines[arch], 18);
  const [table, size] = is64 ? [64, 56] : [52, 32];
  word(table, is64 ? 32 : 28);
  u16(size, is64 ? 54 : 42);
  u16(loader === '' ? 1 : 2, is64 ? 56 : 44);
  u32(6, table);
  const second = table + size;
  if (loader !== '') {
    u32(3, second);
    word(512, second + (is64 ? 8 : 4));
    word(loader.length + 1, second + (is64 ? 32 : 16));
    bytes.write(loader, 512, 'latin1');
  }
  return bytes;
}
