import type { FamilySpec } from '../model/family.js';

const runFields = ['releaseId', 'environment', 'sealedSecrets', 'restart', 'bootstrap'] as const;

/** What a node is run with. All else of a family's specification concerns new nodes, or none. */
export type RunSpec = Pick<FamilySpec, (typeof runFields)[number]>;

export function runSpecOf(spec: FamilySpec): RunSpec {
  return Object.fromEntries(runFields.filter((field) => spec[field] !== undefined).map((field) => [field, spec[field]])) as unknown as RunSpec;
}

/** Whether a node that runs the one runs the other too. */
export function runsAlike(one: FamilySpec, other: FamilySpec): boolean {
  return runFields.every((field) => isSame(one[field], other[field]));
}

/** Deep, whatever the order of keys. */
export function isSame(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other;
  const [left, right] = [one as Record<string, unknown>, other as Record<string, unknown>];
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => Object.hasOwn(right, key) && isSame(left[key], right[key]));
}
