import { limits, WombatError } from '@wombat/proto';
import type { FamilySpec } from '../model/family.js';
import type { EnvironmentChange } from '../model/operation.js';
import { nearestText } from '../release/nearest.js';

export type Environment = Pick<FamilySpec, 'environment' | 'sealedSecrets'>;

/**
 * The environment that a family has after the change.
 * @throws WombatError WO_NOT_FOUND for a name to be unset that is not there, WO_INVALID_ARGUMENT when it grows too large
 */
export function changeEnvironment(before: Environment, { environment, sealedSecrets, unset }: EnvironmentChange): Environment {
  const known = [...Object.keys(before.environment), ...Object.keys(before.sealedSecrets)];
  const unknown = unset.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new WombatError('WO_NOT_FOUND', `the family has no variable ${JSON.stringify(unknown.slice(0, 80))}${nearestText(unknown, known)}`, { hint: 'see those there are: wo family env FAMILY' });
  const kept = (name: string): boolean => !unset.includes(name) && !Object.hasOwn(environment, name) && !Object.hasOwn(sealedSecrets, name);
  const after = {
    environment: { ...only(before.environment, kept), ...environment },
    sealedSecrets: { ...only(before.sealedSecrets, kept), ...sealedSecrets },
  };
  checkSize(after);
  return after;
}

/**
 * A sealed text takes a third more than the secret, and a little.
 * @throws WombatError WO_INVALID_ARGUMENT
 */
export function checkSize({ environment, sealedSecrets }: Environment): void {
  const all = [...Object.entries(environment), ...Object.entries(sealedSecrets)];
  const sizeBytes = all.reduce((total, [name, value]) => total + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
  if (all.length > limits.environmentNames) throw tooLarge(`${all.length} variables`, `${limits.environmentNames}`);
  if (sizeBytes > limits.environmentBytes) throw tooLarge(`${sizeBytes} bytes`, `${limits.environmentBytes}`);
}

function tooLarge(is: string, allowed: string): WombatError {
  return new WombatError('WO_INVALID_ARGUMENT', `the environment of the family would have ${is}, more than ${allowed}`, { hint: 'put what is large into a file of the release, or have the node fetch it' });
}

function only(variables: Readonly<Record<string, string>>, wanted: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => wanted(name)));
}
