import { WombatError } from '@wombat/proto';

/**
 * What a statement is given. SQLite keeps NUL characters and PostgreSQL has none, so no store takes them.
 * @throws WombatError WO_INVALID_ARGUMENT
 */
export function checkParameters(parameters: readonly unknown[]): void {
  for (const parameter of parameters) {
    if (typeof parameter === 'string' && parameter.includes('\0')) {
      throw new WombatError('WO_INVALID_ARGUMENT', 'a text has a NUL character (U+0000)', { hint: 'leave it out: names and ids have none' });
    }
  }
}
