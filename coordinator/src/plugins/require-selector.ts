import { nearest } from '@wombat/plugin-sdk';
import { WombatError } from '@wombat/proto';
import type { Selector } from '../domain/selection/selector.js';
import { findSelector, selectorNames } from '../domain/selection/selectors.js';

/** @throws WombatError WO_SELECTOR_UNKNOWN, with the name that was probably meant */
export function requireSelector(name: string): Selector {
  const selector = findSelector(name);
  if (selector) return selector;
  const meant = nearest(name, selectorNames);
  const hint = meant === undefined ? `there are: ${selectorNames.join(', ')}` : `did you mean ${meant}?`;
  throw new WombatError('WO_SELECTOR_UNKNOWN', `there is no selector ${JSON.stringify(name.slice(0, 64))}`, { hint });
}
