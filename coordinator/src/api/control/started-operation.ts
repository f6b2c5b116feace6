import { durationToMs, WombatError } from '@wombat/proto';
import type { Mutation } from '@wombat/proto/control';
import { principalOf, type Identity } from '../../auth/identity.js';
import type { Wish } from '../../domain/model/operation.js';
import type { Asked } from '../../engine/operations/start-operation.js';

type WireDuration = Parameters<typeof durationToMs>[0];

const longestWaitMs = 7 * 24 * 3_600_000;

/** What every request has that starts an operation. */
export interface StartRequest {
  readonly mutation?: Mutation | undefined;
  readonly wait?: WireDuration;
}

/** A request as the engine takes it; a dry run waits for nobody. @throws WombatError WO_INVALID_ARGUMENT */
export function asked(request: StartRequest, identity: Identity, wish: Wish, name: string): Asked {
  return { wish, name, principal: principalOf(identity), waitMs: request.mutation?.dryRun ? undefined : waitMs(request.wait) };
}

function waitMs(wait: WireDuration): number | undefined {
  const ms = durationToMs(wait);
  if (ms === undefined || (ms > 0 && ms <= longestWaitMs)) return ms;
  throw new WombatError('WO_INVALID_ARGUMENT', `an operation waits for its turn between 1 ms and 7 days, not ${ms} ms`, { hint: 'give a time like 30s or 15m' });
}
