import { stringify } from 'yaml';

/** A file of its own, so that the library is loaded when it is needed: imported directly, the bundle would lose its names. */
export function toYaml(value: unknown): string {
  return stringify(value).trimEnd();
}
