import { WombatError } from '@wombat/proto';
import { secretOwner, type Family } from '../../domain/model/family.js';
import type { Node } from '../../domain/model/node.js';
import type { EnvironmentChange } from '../../domain/model/operation.js';
import { presentPhases } from '../../domain/states/node-states.js';
import { checkSize, type Environment } from '../../domain/update/change-environment.js';
import { specOfNode } from '../../engine/family-revisions.js';
import type { Secrets } from '../../engine/ports.js';
import type { Transaction } from '../../store/store.js';

type Variables = Readonly<Record<string, string>>;

export interface GivenChange {
  readonly environment: Variables;
  readonly secrets: Variables;
  readonly unset: readonly string[];
}

const hint = 'give letters, digits and _ , as in --env LANG=C';

/**
 * What no process could be started with is refused before anything is stored. No value is in a message.
 * @throws WombatError WO_INVALID_ARGUMENT
 */
export function checkChange({ environment, secrets, unset }: GivenChange): void {
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

/** The change as it is kept. @throws WombatError WO_INVALID_ARGUMENT when it alone is too large */
export function sealedChange(familyId: string, { environment, secrets, unset }: GivenChange, box: Secrets): EnvironmentChange {
  const sealed = Object.entries(secrets).map(([name, value]) => [name, box.seal(secretOwner(familyId, name), Buffer.from(value))] as const);
  const change = { environment, sealedSecrets: Object.fromEntries(sealed), unset };
  checkSize(change);
  return change;
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
export function describeChange({ environment, secrets, unset }: GivenChange): string {
  const parts = [['set', Object.keys(environment)], ['set secretly', Object.keys(secrets)], ['unset', unset]] as const;
  return parts.filter(([, names]) => names.length > 0).map(([what, names]) => `${what}: ${[...names].sort().join(', ')}`).join('; ');
}

function isSame(one: Environment, other: Environment): boolean {
  const text = ({ environment, sealedSecrets }: Environment): string => JSON.stringify([environment, sealedSecrets].map((each) => Object.entries(each).sort()));
  return text(one) === text(other);
}
