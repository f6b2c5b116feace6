import type { Inspection, ReleaseEntry } from './inspection.js';

export interface ResolvedFile {
  readonly path: string;
  readonly entry: ReleaseEntry & { readonly kind: 'file' };
}

/** The file that a path leads to, links followed as a kernel would; undefined when there is none. */
export function resolveFile(entries: Inspection['entries'], path: string): ResolvedFile | undefined {
  let rest = path.split('/');
  const at: string[] = [];
  for (let steps = 0; rest.length > 0 && steps < 500; steps += 1) {
    const segment = rest[0]!;
    rest = rest.slice(1);
    if (segment === '' || segment === '.') continue;
    if (segment === '..') {
      if (at.pop() === undefined) return undefined;
      continue;
    }
    at.push(segment);
    const entry = entries.get(at.join('/'));
    if (entry?.kind === 'link') {
      at.pop();
      rest = [...entry.target.split('/'), ...rest];
    }
  }
  const found = rest.length === 0 ? entries.get(at.join('/')) : undefined;
  return found?.kind === 'file' ? { path: at.join('/'), entry: found } : undefined;
}
