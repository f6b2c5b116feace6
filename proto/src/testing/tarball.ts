/** Tarballs assembled byte by byte, for tests: also those that no archiver would write. */

export interface TarItem {
  readonly path: string;
  /** Type flag of the header. @default "0", a regular file */
  readonly type?: string;
  readonly contents?: string | Uint8Array;
  readonly link?: string;
  /** @default 0o644 */
  readonly mode?: number;
  /** Bytes of the size field instead of the true size. */
  readonly sizeField?: Uint8Array | string;
  /** Written before the entry as a pax header. */
  readonly pax?: Readonly<Record<string, string>>;
  /** Spoils the checksum. */
  readonly isCorrupt?: boolean;
}

const blockBytes = 512;

/** The archive with its end mark. */
export function tarball(items: Iterable<TarItem>): Buffer {
  return Buffer.concat([...tarBlocks(items), Buffer.alloc(2 * blockBytes)]);
}

/** Block by block and without the end mark, for archives that should not lie in memory. */
export function* tarBlocks(items: Iterable<TarItem>): Generator<Buffer> {
  for (const item of items) {
    if (item.pax) yield* paxHeader('x', item.pax);
    if (Buffer.byteLength(item.path) > 100) yield* longName('L', item.path);
    if (item.link !== undefined && Buffer.byteLength(item.link) > 100) yield* longName('K', item.link);
    yield* plainEntry(item);
  }
}

/** `type` "x": for the next entry; "g": for all that follow. */
export function paxHeader(type: 'x' | 'g', records: Readonly<Record<string, string>>): Buffer[] {
  const text = Object.entries(records).map(([key, value]) => paxRecord(key, value)).join('');
  return [...plainEntry({ path: 'PaxHeader/entry', type, contents: text })];
}

function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest) + 1;
  while (String(length).length + Buffer.byteLength(rest) > length) length += 1;
  return `${length}${rest}`;
}

function longName(type: 'L' | 'K', name: string): Generator<Buffer> {
  return plainEntry({ path: '././@LongLink', type, contents: `${name}\0` });
}

function* plainEntry(item: TarItem): Generator<Buffer> {
  const contents = Buffer.from(item.contents ?? '');
  yield header(item, contents.length);
  if (contents.length === 0) return;
  yield contents;
  const rest = contents.length % blockBytes;
  if (rest > 0) yield Buffer.alloc(blockBytes - rest);
}

function header(item: TarItem, sizeBytes: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.set(Buffer.from(item.path).subarray(0, 100), 0);
  block.write(octal(item.mode ?? 0o644, 8), 100, 'latin1');
  block.write(octal(0, 8), 108, 'latin1');
  block.write(octal(0, 8), 116, 'latin1');
  block.set(Buffer.from(item.sizeField ?? octal(sizeBytes, 12)).subarray(0, 12), 124);
  block.write(octal(1_700_000_000, 12), 136, 'latin1');
  block.write(item.type ?? '0', 156, 'latin1');
  block.set(Buffer.from(item.link ?? '').subarray(0, 100), 157);
  block.write('ustar\u000000', 257, 'latin1');
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, item.isCorrupt ? 1 : 0);
  block.write(octal(sum, 8), 148, 'latin1');
  return block;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`;
}
