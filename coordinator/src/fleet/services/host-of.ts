import { WombatError } from '@wombat/proto';
import type { CallContext } from '../../api/service.js';
import type { Identity } from '../../auth/identity.js';

export type HostIdentity = Extract<Identity, { kind: 'host' }>;
/** Whoever may ask for the next certificate. */
export type RenewingIdentity = Extract<Identity, { kind: 'host' | 'lapsed-host' }>;

/**
 * The host at the other end, as its certificate proves it.
 * @throws WombatError WO_UNAUTHENTICATED
 */
export function hostOf({ identity }: Pick<CallContext, 'identity'>): HostIdentity {
  if (identity.kind !== 'host') throw new WombatError('WO_UNAUTHENTICATED', 'this call needs the certificate of a host');
  return identity;
}

/**
 * The same, also when its certificate is out of its time.
 * @throws WombatError WO_UNAUTHENTICATED
 */
export function renewingHostOf(context: Pick<CallContext, 'identity'>): RenewingIdentity {
  return context.identity.kind === 'lapsed-host' ? context.identity : hostOf(context);
}
