import { WombatError } from './errors/wombat-error.js';
import { isId } from './ids.js';

const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,64}$/u;

/** @throws WombatError WO_NAME_INVALID unless it is 1-64 printable characters, not shaped like an id. */
export function checkName(what: string, name: string): void {
  if (!printable.test(name) || name.trim() !== name) {
    throw new WombatError('WO_NAME_INVALID', `the name of a ${what} is 1-64 printable characters: ${JSON.stringify(name.slice(0, 80))}`);
  }
  if (isId(name)) throw new WombatError('WO_NAME_INVALID', `the name of a ${what} must not look like an id: ${name}`);
}

/** Whether a text can be the name of a user of a host: never a number, which would mean a user that nobody named. */
export function isAccountName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/.test(name);
}
