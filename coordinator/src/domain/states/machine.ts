import { WombatError } from '@wombat/proto';

/** From each state the states that may follow. */
export type Transitions<S extends string> = { readonly [From in S]: readonly S[] };

/** @throws WombatError WO_INTERNAL when the table does not allow it: a mistake of ours */
export function advance<S extends string>(what: string, table: Transitions<S>, from: S, to: S): S {
  if (from !== to && !table[from].includes(to)) throw new WombatError('WO_INTERNAL', `${what} cannot go from ${from} to ${to}`);
  return to;
}
