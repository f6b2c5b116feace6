import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';

/** What the head of a program or library says about the machine that it needs. */
export interface ElfFile {
  readonly bits: 32 | 64;
  /** In Node's words ("x64", "arm64"); "machine 99" where Node has none. */
  readonly arch: string;
  /** The loader that it asks for; empty for libraries and static programs. */
  readonly interpreter: string;
  /** Names of the shared libraries that it needs. */
  readonly needed: readonly string[];
  /** Where it wants libraries to be looked for first; `$ORIGIN` is its own directory. */
  readonly runPath: readonly string[];
}

const machines: Readonly<Record<number, string>> = {
  3: 'ia32', 8: 'mips', 20: 'ppc', 21: 'ppc64', 22: 's390x', 40: 'arm', 62: 'x64', 183: 'arm64', 243: 'riscv64', 258: 'loong64',
};
const segmentTypes = { load: 1, dynamic: 2, interpreter: 3 } as const;
const tags = { end: 0, needed: 1, stringTable: 5, stringTableSize: 10, runPathOld: 15, runPath: 29 } as const;
/** Far more than any real file has; a damaged one must not cost memory. */
const maximumSegments = 128;
const maximumTableBytes = 4 * 1024 * 1024;
const maximumNeeded = 256;
const maximumTextBytes = 4096;
/** What lies under the name of a library may be a pipe by now: opening it must not wait. */
const careful = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Reads the few kilobytes that matter; undefined when the file is no ELF file, or a damaged one. */
export function readElf(path: string): ElfFile | undefined {
  let descriptor: number;
  try {
    // Opening a device would already be to use it.
    if (!statSync(path).isFile()) return undefined;
    descriptor = openSync(path, careful);
  } catch {
    return undefined;
  }
  try {
    if (!fstatSync(descriptor).isFile()) return undefined;
    return new ElfReader(descriptor).read();
  } catch {
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly sizeBytes: number;
}

/** Fields of 32-bit files lie elsewhere than those of 64-bit ones, and either may have any byte order. */
class ElfReader {
  readonly #file: number;
  #is64 = true;
  #isLittle = true;

  constructor(file: number) {
    this.#file = file;
  }

  read(): ElfFile | undefined {
    const head = this.#bytes(0, 64);
    if (head.length < 52 || head.readUInt32BE(0) !== 0x7f454c46) return undefined;
    this.#is64 = head[4] === 2;
    this.#isLittle = head[5] === 1;
    const machine = this.#half(head, 18);
    const segments = this.#segments(head);
    const interpreter = segments.find(({ type }) => type === segmentTypes.interpreter);
    return {
      bits: this.#is64 ? 64 : 32,
      arch: machines[machine] ?? `machine ${machine}`,
      interpreter: interpreter ? textAt(this.#bytes(interpreter.offset, Math.min(maximumTextBytes, interpreter.sizeBytes)), 0) : '',
      ...this.#dynamic(segments),
    };
  }

  #segments(head: Buffer): Segment[] {
    const [offset, sizeAt, countAt] = this.#is64 ? [this.#wide(head, 32), 54, 56] : [this.#word(head, 28), 42, 44];
    const entryBytes = this.#half(head, sizeAt);
    const count = Math.min(maximumSegments, this.#half(head, countAt));
    const table = this.#bytes(offset, entryBytes * count);
    return Array.from({ length: count }, (_, index) => this.#segment(table.subarray(index * entryBytes, (index + 1) * entryBytes)));
  }

  #segment(entry: Buffer): Segment {
    const type = this.#word(entry, 0);
    return this.#is64
      ? { type, offset: this.#wide(entry, 8), address: this.#wide(entry, 16), sizeBytes: this.#wide(entry, 32) }
      : { type, offset: this.#word(entry, 4), address: this.#word(entry, 8), sizeBytes: this.#word(entry, 16) };
  }

  #dynamic(segments: readonly Segment[]): Pick<ElfFile, 'needed' | 'runPath'> {
    const dynamic = segments.find(({ type }) => type === segmentTypes.dynamic);
    if (!dynamic) return { needed: [], runPath: [] };
    const entries = this.#entries(this.#bytes(dynamic.offset, Math.min(maximumTableBytes, dynamic.sizeBytes)));
    const valueOf = (tag: number): number => entries.find((entry) => entry.tag === tag)?.value ?? 0;
    const address = valueOf(tags.stringTable);
    const holder = segments.find((segment) => segment.type === segmentTypes.load && address >= segment.address && address < segment.address + segment.sizeBytes);
    if (!holder) return { needed: [], runPath: [] };
    const strings = this.#bytes(holder.offset + address - holder.address, Math.min(maximumTableBytes, valueOf(tags.stringTableSize)));
    const textsOf = (tag: number): string[] => entries.filter((entry) => entry.tag === tag).slice(0, maximumNeeded).map(({ value }) => textAt(strings, value));
    // The newer of the two tags wins where both are there.
    const [paths = textsOf(tags.runPathOld)[0] ?? ''] = textsOf(tags.runPath);
    return { needed: textsOf(tags.needed), runPath: paths.split(':').filter((path) => path !== '') };
  }

  #entries(table: Buffer): { tag: number; value: number }[] {
    const entryBytes = this.#is64 ? 16 : 8;
    const entries = Array.from({ length: Math.floor(table.length / entryBytes) }, (_, index) => {
      const at = index * entryBytes;
      return this.#is64 ? { tag: this.#wide(table, at), value: this.#wide(table, at + 8) } : { tag: this.#word(table, at), value: this.#word(table, at + 4) };
    });
    const end = entries.findIndex(({ tag }) => tag === tags.end);
    return end < 0 ? entries : entries.slice(0, end);
  }

  #bytes(position: number, length: number): Buffer {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(this.#file, buffer, 0, length, position));
  }

  #half(buffer: Buffer, at: number): number {
    return this.#isLittle ? buffer.readUInt16LE(at) : buffer.readUInt16BE(at);
  }

  #word(buffer: Buffer, at: number): number {
    return this.#isLittle ? buffer.readUInt32LE(at) : buffer.readUInt32BE(at);
  }

  #wide(buffer: Buffer, at: number): number {
    return Number(this.#isLittle ? buffer.readBigUInt64LE(at) : buffer.readBigUInt64BE(at));
  }
}

function textAt(bytes: Buffer, start: number): string {
  const longest = bytes.subarray(start, start + maximumTextBytes);
  const end = longest.indexOf(0);
  return longest.toString('utf8', 0, end < 0 ? longest.length : end);
}
