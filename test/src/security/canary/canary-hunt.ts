import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Test } from 'tap';
import type { Canary } from './canary.js';
import type { ProcessText } from './process-watch.js';

export interface Printed {
  readonly label: string;
  readonly text: string;
}

const chunkBytes = 4 * 1024 * 1024;
/** Longer than any needle. */
const overlapBytes = 4 * 1024;

/** What was found of each secret, and what was looked at: places that may hold it, and places that must not. */
export class CanaryHunt {
  readonly #t: Test;
  readonly #canaries: readonly Canary[];
  readonly #met = new Set<string>();
  readonly #strays: string[] = [];
  #looked = 0;

  constructor(t: Test, canaries: readonly Canary[]) {
    this.#t = t;
    this.#canaries = canaries;
  }

  /** Every file of the directory. Answers how many it read. */
  files(directory: string): number {
    const before = this.#looked;
    for (const path of filesIn(directory)) {
      const name = relative(directory, path);
      for (const canary of this.#inFile(path)) this.#found(canary, `file ${name}`, canary.places.files?.find((place) => place.test(name))?.source);
    }
    return this.#looked - before;
  }

  /** Files that belong to none of the places. */
  foreignFiles(paths: readonly string[]): void {
    for (const path of paths) for (const canary of this.#inFile(path)) this.#found(canary, `file ${path}`, undefined);
  }

  printed(texts: readonly Printed[]): void {
    for (const { label, text } of texts) {
      this.#looked += 1;
      for (const canary of this.#in(Buffer.from(text))) this.#found(canary, `output of ${label}`, canary.places.printed?.find((place) => place === label));
    }
  }

  processes(texts: readonly ProcessText[]): void {
    for (const { what, bytes, family, isWo, command } of texts) {
      this.#looked += 1;
      for (const canary of this.#in(bytes)) {
        const { environment, givenOpenly } = canary.places;
        if (isWo && givenOpenly) continue;
        const isOwn = what === 'environ' && environment !== undefined && family === environment;
        this.#found(canary, `${what} of ${command}`, isOwn ? `environment ${environment}` : undefined);
      }
    }
  }

  /** Fails for each secret that stands elsewhere, and for each that is not where it belongs. */
  judge(): void {
    this.#t.strictSame([...new Set(this.#strays)].sort(), [], 'no secret stands where it must not');
    const missing = this.#canaries.flatMap((canary) => expected(canary).filter((place) => !this.#met.has(`${canary.name} in ${place}`)).map((place) => `${canary.name} in ${place}`));
    this.#t.strictSame(missing, [], 'every secret was found where it belongs');
    this.#t.ok(this.#looked > 100, `many places were looked at: ${this.#looked}`);
  }

  #found(canary: Canary, where: string, place: string | undefined): void {
    if (place === undefined) this.#strays.push(`${canary.name} in ${where}`);
    else this.#met.add(`${canary.name} in ${place}`);
  }

  #inFile(path: string): Canary[] {
    this.#looked += 1;
    const found = new Set<Canary>();
    for (const chunk of chunksOf(path)) for (const canary of this.#in(chunk)) found.add(canary);
    return [...found];
  }

  #in(bytes: Buffer): Canary[] {
    return this.#canaries.filter((canary) => canary.isIn(bytes));
  }
}

function expected({ places }: Canary): string[] {
  return [...(places.files ?? []).map(({ source }) => source), ...(places.printed ?? []), ...(places.environment === undefined ? [] : [`environment ${places.environment}`])];
}

function filesIn(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? filesIn(path) : entry.isFile() ? [path] : [];
  });
}

/** Files may be gone by the time they are read. */
function* chunksOf(path: string): Generator<Buffer> {
  let descriptor: number;
  try {
    if (lstatSync(path).size <= chunkBytes) return yield readFileSync(path);
    descriptor = openSync(path, 'r');
  } catch {
    return;
  }
  try {
    const buffer = Buffer.alloc(chunkBytes);
    for (let at = 0; ; at += chunkBytes - overlapBytes) {
      const read = readSync(descriptor, buffer, 0, chunkBytes, at);
      yield buffer.subarray(0, read);
      if (read < chunkBytes) return;
    }
  } finally {
    closeSync(descriptor);
  }
}
