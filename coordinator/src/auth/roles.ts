import { nearestHint, WombatError } from '@wombat/proto';
import { permissions, type Permission } from './identity.js';

/** Bundles of permissions under the words that operators use. A right to run commands, or to a terminal, is never part of another role but admin. */
export const roles = {
  viewer: ['read'],
  deployer: ['read', 'write'],
  exec: ['read', 'exec'],
  console: ['read', 'console'],
  admin: permissions,
} as const satisfies Record<string, readonly Permission[]>;
type Role = keyof typeof roles;
const roleNames = Object.keys(roles) as Role[];

/** @throws WombatError WO_INVALID_ARGUMENT for no role, or one that is not there */
export function permissionsOf(names: readonly string[]): Permission[] {
  const unknown = names.find((name) => !Object.hasOwn(roles, name));
  if (unknown !== undefined || names.length === 0) {
    const message = unknown === undefined ? 'a token needs a role' : `there is no role ${JSON.stringify(unknown.slice(0, 80))}`;
    throw new WombatError('WO_INVALID_ARGUMENT', message, { hint: nearestHint(unknown ?? '', roleNames, `roles are ${roleNames.join(', ')}`) });
  }
  const granted = new Set(names.flatMap((name) => roles[name as Role] as readonly Permission[]));
  return permissions.filter((permission) => granted.has(permission));
}

/** What a stored token may do. Who may administer may do everything, also what came with a later version. */
export function grantedTo(stored: readonly string[]): readonly Permission[] {
  return stored.includes('admin') ? permissions : permissions.filter((permission) => stored.includes(permission));
}

/** The roles that permissions amount to, the larger instead of what they contain. */
export function rolesOf(stored: readonly string[]): Role[] {
  const granted: readonly string[] = grantedTo(stored);
  const isWhole = (role: Role): boolean => roles[role].every((permission) => granted.includes(permission));
  if (isWhole('admin')) return ['admin'];
  const larger = (['deployer', 'exec', 'console'] as const).filter(isWhole);
  return larger.length === 0 && isWhole('viewer') ? ['viewer'] : larger;
}
