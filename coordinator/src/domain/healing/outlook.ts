import type { Replacement } from '../model/family.js';

/** What is to become of the nodes that a family has on a lost host. */
export type Outlook =
  /** They wait for their host. */
  | { readonly kind: 'stays' }
  /** They wait until somebody says so. */
  | { readonly kind: 'asks' }
  /** Others are deployed in their place in so many milliseconds; 0: now. */
  | { readonly kind: 'replaced'; readonly inMs: number };

/** `lostForMs`: how long their host has been lost. */
export function outlookOf(replacement: Replacement | undefined, lostForMs: number): Outlook {
  if (replacement === undefined || replacement.mode === 'never') return { kind: 'stays' };
  if (replacement.mode === 'ask') return { kind: 'asks' };
  return { kind: 'replaced', inMs: Math.max(0, replacement.afterMs - lostForMs) };
}
