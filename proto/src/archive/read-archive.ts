import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { Parser, Pax, type ReadEntry } from 'tar';
import { WombatError } from '../errors/wombat-error.js';
import { limits } from '../limits.js';
import { ArchiveRules, type ArchiveLimits, type ArchiveSummary, type JudgedEntry } from './archive-rules.js';
import { refusedEntry } from './entry-path.js';
import { paxObjection, paxRecords } from './pax-records.js';

/** Takes the contents of one file. Synchronous, so that nothing piles up in memory. */
export interface EntrySink {
  write(chunk: Uint8Array): void;
  end(): void;
}

export interface ReadArchiveOptions {
  readonly source: AsyncIterable<Uint8Array>;
  /** Of the archive as stored; the ratio is judged against it. */
  readonly sizeBytes: number;
  /** Called for each entry in order, once it has been judged; the sink gets the contents of a file. */
  visit(entry: JudgedEntry): EntrySink | undefined;
  readonly signal?: AbortSignal;
  /** @default those of limits.ts */
  readonly limits?: ArchiveLimits;
}

/** Bytes of pax and GNU headers; names end at 4 KiB. */
const metaBytes = 64 * 1024;

/**
 * Reads a tarball, gzipped or not, entry by entry under the rules that both ends share. Memory is bounded by the
 * number of entries.
 * @throws WombatError WO_ARCHIVE_INVALID when it cannot be read, WO_ARCHIVE_REFUSED when it breaks a rule
 */
export async function readArchive(options: ReadArchiveOptions): Promise<ArchiveSummary> {
  const archiveLimits = options.limits ?? limits;
  const rules = new ArchiveRules(archiveLimits);
  const feed = entryFeed(rules, options.visit);
  // Order of contents within the archive does not matter: the budget is that of the whole.
  const ratioBytes = Math.max(limits.ratioFloorBytes, options.sizeBytes * limits.expansionRatio);
  let expandedBytes = 0;
  for await (const block of decompressed(options.source, options.signal)) {
    options.signal?.throwIfAborted();
    expandedBytes += block.length;
    if (expandedBytes > ratioBytes) throw tooLarge(`it unpacks to more than ${limits.expansionRatio} times its size`);
    if (expandedBytes > archiveLimits.expandedBytes * 1.1 + limits.ratioFloorBytes) throw tooLarge('it unpacks to more than is allowed');
    feed.write(block);
  }
  feed.end();
  return rules.finish();
}

function tooLarge(reason: string): WombatError {
  return new WombatError('WO_ARCHIVE_REFUSED', `the tarball is refused: ${reason}`, { hint: 'see the limits in docs/reference/releases.md' });
}

interface Feed {
  write(block: Buffer): void;
  end(): void;
}

/** A strict parser whose every complaint is an error, and which stops at the end mark. */
function entryFeed(rules: ArchiveRules, visit: ReadArchiveOptions['visit']): Feed {
  // zstd: false, and the look at the first bytes below: it must not unpack a second time by itself.
  const parser = new Parser({ strict: true, zstd: false, maxMetaEntrySize: metaBytes });
  let metas: string[] = [];
  let isFirst = true;
  let hasEnded = false;
  parser.on('error', (error: Error) => {
    throw new WombatError('WO_ARCHIVE_INVALID', `the tarball cannot be read: ${error.message}`, { cause: error });
  });
  parser.on('meta', (text: string) => metas.push(text));
  parser.on('eof', () => (hasEnded = true));
  parser.on('ignoredEntry', (entry: ReadEntry) => {
    throw refusedEntry(entry.path, entry.meta ? `its header is larger than ${metaBytes} bytes` : `it is a ${entry.type}, neither file, directory nor link`);
  });
  parser.on('entry', (entry: ReadEntry) => {
    checkMetas(entry, metas);
    metas = [];
    const judged = rules.judge({ type: entry.type, path: entry.path, linkPath: entry.linkpath, sizeBytes: entry.header.size === undefined ? undefined : entry.size, mode: entry.mode });
    drain(entry, judged && visit(judged));
  });
  return {
    write(block) {
      if (isFirst && block[0] === 0x1f && block[1] === 0x8b) throw notATarball('it is compressed twice');
      isFirst = false;
      if (!hasEnded) parser.write(block);
    },
    end: () => {
      if (!hasEnded) parser.end();
    },
  };
}

function drain(entry: ReadEntry, sink: EntrySink | undefined): void {
  if (sink) {
    entry.on('data', (chunk) => sink.write(chunk));
    entry.on('end', () => sink.end());
  }
  entry.resume();
}

/** The parser reads pax headers leniently; what it might have passed over is refused here. */
function checkMetas(entry: ReadEntry, metas: readonly string[]): void {
  const global = entry.globalExtended;
  if (global?.path !== undefined || global?.linkpath !== undefined || global?.size !== undefined) {
    throw refusedEntry(entry.path, 'a global header names it');
  }
  let recordSets = 0;
  for (const text of metas) {
    const records = paxRecords(text);
    if (records) recordSets += 1;
    const objection = records ? paxObjection(records) : longNameObjection(text);
    if (objection) throw refusedEntry(entry.path, objection);
  }
  if (metas.length > 0 && entry.extended instanceof Pax && recordSets === 0) throw refusedEntry(entry.path, 'its pax header is malformed');
}

function longNameObjection(text: string): string | undefined {
  return text.replace(/\0+$/, '').includes('\0') ? 'its name or target holds a NUL byte' : undefined;
}

const foreign: readonly { readonly magic: string; readonly name: string }[] = [
  { magic: 'fd377a585a00', name: 'xz' },
  { magic: '28b52ffd', name: 'zstd' },
  { magic: '425a68', name: 'bzip2' },
  { magic: '504b0304', name: 'zip' },
];

function notATarball(reason: string, hint?: string): WombatError {
  return new WombatError('WO_ARCHIVE_INVALID', `this is no tarball: ${reason}`, hint === undefined ? {} : { hint });
}

async function* decompressed(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  const { head, all } = await peek(source);
  if (head.length === 0) throw notATarball('it is empty');
  const start = head.toString('hex', 0, 6);
  const other = foreign.find(({ magic }) => start.startsWith(magic));
  if (other) throw notATarball(`it is compressed with ${other.name}`, 'give a .tar or .tar.gz file: unpack it, and pack it again with gzip');
  if (start.startsWith('1f8b')) yield* gunzipped(all, signal);
  else yield* all;
}

async function* gunzipped(source: AsyncIterable<Buffer>, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 64 * 1024 });
  const feeding = pipeline(Readable.from(source, { objectMode: false }), gunzip, signal ? { signal } : {});
  feeding.catch(() => undefined);
  try {
    for await (const block of gunzip as AsyncIterable<Buffer>) yield block;
    await feeding;
  } catch (error) {
    signal?.throwIfAborted();
    const code = (error as { code?: unknown }).code;
    if (typeof code === 'string' && code.startsWith('Z_')) throw new WombatError('WO_ARCHIVE_INVALID', `the tarball is damaged: ${(error as Error).message}`, { cause: error });
    throw error;
  }
}

/** Looks at the first bytes, and answers all of them again. */
async function peek(source: AsyncIterable<Uint8Array>): Promise<{ head: Buffer; all: AsyncIterable<Buffer> }> {
  const iterator = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < 6) {
    const next = await iterator.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* all(): AsyncGenerator<Buffer> {
    try {
      if (head.length > 0) yield head;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
        yield Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
      }
    } finally {
      await iterator.return?.();
    }
  }
  return { head, all: all() };
}
