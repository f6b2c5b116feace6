import { durationFromMs, durationToMs, WombatError } from '@wombat/proto';
import { ReplacementMode, type ReplacementPolicy } from '@wombat/proto/control';
import type { Replacement } from '../../domain/model/family.js';

const longestMs = 365 * 24 * 3_600_000;

/** @throws WombatError WO_INVALID_ARGUMENT */
export function checkReplacement(policy: ReplacementPolicy | undefined): Replacement {
  const afterMs = durationToMs(policy?.after) ?? 0;
  switch (policy?.mode) {
    case undefined:
    case ReplacementMode.UNSPECIFIED:
    case ReplacementMode.NEVER:
      return { mode: 'never' };
    case ReplacementMode.ASK:
      return { mode: 'ask' };
    case ReplacementMode.AFTER:
      if (afterMs >= 0 && afterMs <= longestMs) return { mode: 'after', afterMs };
      throw new WombatError('WO_INVALID_ARGUMENT', `nodes cannot be replaced after ${afterMs} ms`, { hint: 'give a time like 10m' });
    default:
      throw new WombatError('WO_INVALID_ARGUMENT', `there is no replacement policy of number ${String(policy?.mode)}`, { hint: 'give never, ask, or a time like 10m' });
  }
}

export function replacementView(replacement: Replacement | undefined): ReplacementPolicy {
  if (replacement?.mode === 'after') return { mode: ReplacementMode.AFTER, after: durationFromMs(replacement.afterMs) };
  return { mode: replacement?.mode === 'ask' ? ReplacementMode.ASK : ReplacementMode.NEVER, after: undefined };
}

/** "are replaced when it has been lost for 600 s" */
export function describeReplacement(replacement: Replacement): string {
  if (replacement.mode === 'after') return `are replaced when it has been lost for ${Math.round(replacement.afterMs / 1_000)} s`;
  return replacement.mode === 'ask' ? 'are replaced when somebody says so' : 'wait for it';
}
