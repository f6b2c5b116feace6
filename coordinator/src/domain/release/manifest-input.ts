import type { Manifest } from '../model/release.js';

/** What an operator, or a manifest file, says about a release; what is left out is filled. */
export type ManifestInput = { readonly [K in keyof Manifest]?: Manifest[K] | undefined };

/** Empty text, empty lists and 0 mean "not said", as they do on the wire. */
export function isSaid(value: unknown): boolean {
  if (value === undefined || value === '' || value === 0) return false;
  return typeof value !== 'object' || value === null || Object.keys(value).length > 0;
}

/** The first that says something wins, field by field. */
export function mergeInputs(...inputs: readonly ManifestInput[]): ManifestInput {
  const merged: Record<string, unknown> = {};
  for (const input of inputs) {
    for (const [field, value] of Object.entries(input)) {
      if (isSaid(value) && merged[field] === undefined) merged[field] = value;
    }
  }
  return merged as ManifestInput;
}
