import type { FamilySpec } from '../model/family.js';
import { isSame } from './run-spec.js';

type Named = Readonly<Record<string, unknown>>;
/** A specification, or a part of one. */
type Environment = Partial<FamilySpec> & Pick<FamilySpec, 'environment' | 'sealedSecrets'>;

/** What the later specification says otherwise, for people: names alone, no value of a variable or secret. */
export function changesBetween(before: Environment, after: Environment): string[] {
  const { environment: variables, sealedSecrets: secrets, ...rest } = before;
  const others = [...new Set([...Object.keys(rest), ...Object.keys(after)])].filter((field) => field !== 'environment' && field !== 'sealedSecrets');
  return [
    ...others.filter((field) => !isSame((before as Named)[field], (after as Named)[field])).map(wordOf),
    ...changedNames('variable', variables, after.environment),
    ...changedNames('secret', secrets, after.sealedSecrets),
  ];
}

function changedNames(what: string, before: Named, after: Named): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.filter((name) => before[name] !== after[name]).map((name) => `${what} ${name}${Object.hasOwn(after, name) ? '' : ' taken away'}`);
}

function wordOf(field: string): string {
  return field === 'releaseId' ? 'release' : field;
}
