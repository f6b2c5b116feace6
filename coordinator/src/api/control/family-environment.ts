import { limits, WombatError } from '@wombat/proto';
import { secretOwner, type Family, type FamilySpec } from '../../domain/model/family.js';
import type { Node } from '../../domain/model/node.js';
import { nearestText } from '../../domain/release/nearest.js';
import { presentPhases } from '../../domain/states/node-states.js';
import { specOfNode } from '../../engine/family-revisions.js';
import type { Secrets } from '../../engine/ports.js';
import type { Transaction } from '../../store/store.js';

type Variables = Readonly<Record<string, string>>;
export type Environment = Pick<FamilySpec, 'environment' | 'sealedSecrets'>;

export interface EnvironmentChange {
  readonly environment: Variables;
  readonly secrets: Variables;
  readonly unset: readonly string[];
}

const hint = 'give letters, digits and _ , as in --env LANG=C';

/**
 * What no process could be started with is refused before anything is stored. No value is in a message.
 * @throws WombatError WO_INVALID_ARGUMENT
 */
export function checkChange({ environment, secrets, unset }: EnvironmentChange): void {
  for (const [name, value] of [...Object.entries(environment), ...Object.entries(secrets)]) {
    const shown = JSON.stringify(name.slice(0, 80));
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)) throw new WombatError('WO_INVALID_ARGUMENT', `${shown} cannot be set in an environment`, { hint });
    if (name.startsWith('WOMBAT_')) throw new WombatError('WO_INVALID_ARGUMENT', `${shown} cannot be set: names that begin with WOMBAT_ are given to every node by Wombat`, { hint: 'choose another name' });
    if (value.includes('\0')) throw new WombatError('WO_INVALID_ARGUMENT', `the value of ${shown} holds a zero byte: no process can be given it`, { hint: 'encode it as text, in base64 for example' });
    if (Object.hasOwn(secrets, name) && value === '') throw new WombatError('WO_INVALID_ARGUMENT', `the secret ${shown} is empty`, { hint: 'to take it away, unset it' });
    if (Object.hasOwn(secrets, name) && Object.hasOwn(environment, name)) throw new WombatError('WO_INVALID_ARGUMENT', `${shown} is given twice: open, and as a secret`, { hint: 'give it once' });
    if (unset.includes(name)) throw new WombatError('WO_INVALID_ARGUMENT', `${shown} is both set and unset`, { hint: 'give it once' });
  }
}

/**
 * The environment that the family has after the change.
 * @throws WombatError WO_NOT_FOUND for a name to be unset that is not there, WO_INVALID_ARGUMENT when it grows too large
 */
export function changedEnvironment(familyId: string, before: Environment, { environment, secrets, unset }: EnvironmentChange, box: Secrets): Environment {
  const known = [...Object.keys(before.environment), ...Object.keys(before.sealedSecrets)];
  const unknown = unset.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new WombatError('WO_NOT_FOUND', `the family has no variable ${JSON.stringify(unknown.slice(0, 80))}${nearestText(unknown, known)}`, { hint: 'see those there are: wo family env FAMILY' });
  const kept = (name: string): boolean => !unset.includes(name) && !Object.hasOwn(environment, name) && !Object.hasOwn(secrets, name);
  const sealed = Object.entries(secrets).map(([name, value]) => [name, box.seal(secretOwner(familyId, name), Buffer.from(value))] as const);
  const after = {
    environment: { ...only(before.environment, kept), ...environment },
    sealedSecrets: { ...only(before.sealedSecrets, kept), ...Object.fromEntries(sealed) },
  };
  checkSize(after);
  return after;
}

/** How many of the family's nodes run with an earlier environment. */
export async function outdatedNodes(transaction: Transaction, family: Family): Promise<number> {
  const nodes = await transaction.nodes.find({ familyId: family.id, phase: presentPhases });
  const known = new Map<number, boolean>();
  const isOutdated = async (node: Node): Promise<boolean> => {
    const found = known.get(node.familyGeneration) ?? !isSame(await specOfNode(transaction, family, node), family.spec);
    known.set(node.familyGeneration, found);
    return found;
  };
  let count = 0;
  for (const node of nodes) if (node.desired !== 'absent' && (await isOutdated(node))) count += 1;
  return count;
}

/** What the history tells: names alone. */
export function describeChange({ environment, secrets, unset }: EnvironmentChange): string {
  const parts = [['set', Object.keys(environment)], ['set secretly', Object.keys(secrets)], ['unset', unset]] as const;
  return parts.filter(([, names]) => names.length > 0).map(([what, names]) => `${what}: ${[...names].sort().join(', ')}`).join('; ');
}

/** A sealed text takes a third more than the secret, and a little. */
function checkSize({ environment, sealedSecrets }: Environment): void {
  const all = [...Object.entries(environment), ...Object.entries(sealedSecrets)];
  const sizeBytes = all.reduce((total, [name, value]) => total + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
  if (all.length > limits.environmentNames) throw tooLarge(`${all.length} variables`, `${limits.environmentNames}`);
  if (sizeBytes > limits.environmentBytes) throw tooLarge(`${sizeBytes} bytes`, `${limits.environmentBytes}`);
}

function tooLarge(is: string, allowed: string): WombatError {
  return new WombatError('WO_INVALID_ARGUMENT', `the environment of the family would have ${is}, more than ${allowed}`, { hint: 'put what is large into a file of the release, or have the node fetch it' });
}

function isSame(one: Environment, other: Environment): boolean {
  const text = ({ environment, sealedSecrets }: Environment): string => JSON.stringify([environment, sealedSecrets].map((each) => Object.entries(each).sort()));
  return text(one) === text(other);
}

function only(variables: Variables, wanted: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => wanted(name)));
}
