import { nearestHint, WombatError } from '@wombat/proto';
import type { Selector } from '../domain/selection/selector.js';
import { findSelector, selectorNames } from '../domain/selection/selectors.js';

/** @throws WombatError WO_SELECTOR_UNKNOWN, with the name that was probably meant */
export function requireSelector(name: string): Selector {
  const selector = findSelector(name);
  if (selector) return selector;
  const hint = nearestHint(name, selectorNames, `there are: ${selectorNames.join(', ')}`);
  throw new WombatError('WO_SELECTOR_UNKNOWN', `there is no selector ${JSON.stringify(name.slice(0, 64))}`, { hint });
}
