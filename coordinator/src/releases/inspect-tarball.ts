import { limits, WombatError, type JudgedEntry } from '@wombat/proto';
import { readArchive, type EntrySink } from '@wombat/proto/archive';
import { templateMissing } from '../domain/release/fill-manifest.js';
import type { Inspection, ReleaseEntry } from '../domain/release/inspection.js';
import { isTelling, recogniseLayout } from '../domain/release/recognise-layout.js';
import { executableHeadBytes, executablePlatform } from './executable-platform.js';

export interface TarballSource {
  /** The tarball from its beginning; may be called more than once. */
  open(signal: AbortSignal): AsyncIterable<Uint8Array>;
  readonly sizeBytes: number;
}

/** Start scripts of relx have about 40 KiB. */
const tellingBytes = 128 * 1024;
/** All texts together: whatever an archive holds, no more than this of it lies in memory. */
const allTextBytes = 4 * 1024 * 1024;
/** The virtual machine of a release that brings its runtime. */
const runtimePath = /^erts-[^/]+\/bin\/beam\.smp$/;
/** More runtimes than this are no release's. */
const maximumRuntimes = 16;

/**
 * Reads a tarball from end to end under the rules that agents apply too, and says what kind of release it is.
 * @param asked paths of files whose text is wanted whatever the layout
 * @throws WombatError WO_ARCHIVE_INVALID, WO_ARCHIVE_REFUSED, WO_TEMPLATE_MISSING, WO_TEMPLATE_TOO_LARGE
 */
export async function inspectTarball(source: TarballSource, asked: readonly string[], signal: AbortSignal): Promise<Inspection> {
  const reader = new TarballReader(new Set(asked.map(withoutDot)));
  const summary = await readArchive({ source: source.open(signal), sizeBytes: source.sizeBytes, signal, visit: (entry) => reader.visit(entry) });
  const { entries, texts, runtimeHead } = reader.under(summary.topFolder);
  for (const path of asked.map(withoutDot)) checkAsked(path, entries, texts);
  return { ...recogniseLayout(entries, texts), platform: executablePlatform(runtimeHead), topFolder: summary.topFolder, entries, texts, unpackedBytes: summary.expandedBytes };
}

function checkAsked(path: string, entries: Inspection['entries'], texts: Inspection['texts']): void {
  if (texts[path] !== undefined) return;
  const entry = entries.get(path);
  if (entry === undefined) throw templateMissing(path, { entries });
  if (entry.kind === 'link') throw new WombatError('WO_TEMPLATE_INVALID', `the template ${path} is a link, give the path of the file it leads to: ${entry.target}`);
  if (entry.sizeBytes <= limits.renderedBytes) throw new WombatError('WO_TEMPLATE_INVALID', `the template ${path} is no text in UTF-8`);
  throw new WombatError('WO_TEMPLATE_TOO_LARGE', `the template ${path} has ${entry.sizeBytes} bytes, more than ${limits.renderedBytes}`);
}

/** Collects entries, texts and the runtime's first bytes while the wrapping folder, if any, is not known yet. */
class TarballReader {
  readonly #asked: ReadonlySet<string>;
  readonly #entries = new Map<string, ReleaseEntry>();
  readonly #texts = new Map<string, string>();
  readonly #runtimes = new Map<string, Uint8Array>();
  #textBytes = 0;

  constructor(asked: ReadonlySet<string>) {
    this.#asked = asked;
  }

  visit(entry: JudgedEntry): EntrySink | undefined {
    const { path } = entry;
    if (entry.kind === 'directory') return undefined;
    if (entry.kind === 'symbolicLink') {
      this.#entries.set(path, { kind: 'link', target: entry.target });
      return undefined;
    }
    this.#entries.set(path, { kind: 'file', sizeBytes: entry.sizeBytes, executable: entry.executable });
    if (entry.kind === 'hardLink') {
      const text = this.#texts.get(entry.target);
      if (text !== undefined) this.#keep(path, text);
      return undefined;
    }
    if (runtimePath.test(path) || runtimePath.test(withoutFirst(path))) return this.#headCollector(path);
    return this.#isWanted(path, entry.sizeBytes) ? this.#collector(path, entry.sizeBytes) : undefined;
  }

  under(topFolder: string): { entries: Map<string, ReleaseEntry>; texts: Record<string, string>; runtimeHead: Uint8Array } {
    const cut = topFolder === '' ? 0 : topFolder.length + 1;
    const entries = new Map([...this.#entries].map(([path, entry]) => [path.slice(cut), entry]));
    const texts: Record<string, string> = Object.create(null) as Record<string, string>;
    for (const [path, text] of this.#texts) {
      const inner = path.slice(cut);
      if (this.#asked.has(inner) || isTelling(inner)) texts[inner] = text;
    }
    const runtime = [...this.#runtimes].find(([path]) => runtimePath.test(path.slice(cut)));
    return { entries, texts, runtimeHead: runtime?.[1] ?? new Uint8Array() };
  }

  #isWanted(path: string, sizeBytes: number): boolean {
    // The path as it is, and as it is when its first folder turns out to wrap everything.
    const inner = withoutFirst(path);
    if (this.#asked.has(path) || this.#asked.has(inner)) return sizeBytes <= limits.renderedBytes;
    return (isTelling(path) || isTelling(inner)) && sizeBytes <= tellingBytes;
  }

  #collector(path: string, sizeBytes: number): EntrySink | undefined {
    if (this.#textBytes + sizeBytes > allTextBytes) return undefined;
    const chunks: Uint8Array[] = [];
    return {
      write: (chunk) => chunks.push(Uint8Array.from(chunk)),
      end: () => {
        const text = asText(Buffer.concat(chunks));
        if (text !== undefined) this.#keep(path, text);
      },
    };
  }

  #headCollector(path: string): EntrySink | undefined {
    if (this.#runtimes.size >= maximumRuntimes) return undefined;
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    return {
      write: (chunk) => {
        if (sizeBytes >= executableHeadBytes) return;
        chunks.push(Uint8Array.from(chunk.subarray(0, executableHeadBytes - sizeBytes)));
        sizeBytes += chunk.length;
      },
      end: () => this.#runtimes.set(path, Buffer.concat(chunks)),
    };
  }

  #keep(path: string, text: string): void {
    this.#textBytes += text.length;
    if (this.#textBytes <= allTextBytes) this.#texts.set(path, text);
  }
}

/** undefined: not UTF-8, or binary. */
function asText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

function withoutFirst(path: string): string {
  return path.slice(path.indexOf('/') + 1);
}

function withoutDot(path: string): string {
  return path.replace(/^(\.\/+)+/, '');
}
