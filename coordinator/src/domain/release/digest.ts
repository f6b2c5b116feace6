import { createHash } from 'node:crypto';
import type { Release } from '../model/release.js';

/** sha256 over name, version, manifest and artifacts, whatever the order of their keys. */
export function digestOf(release: Pick<Release, 'name' | 'version' | 'manifest' | 'artifacts'>): string {
  const { name, version, manifest } = release;
  const artifacts = [...release.artifacts].sort((left, right) => (canonical(left) < canonical(right) ? -1 : 1));
  return createHash('sha256').update(canonical({ name, version, manifest, artifacts })).digest('hex');
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  fields.sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(',')}}`;
}
