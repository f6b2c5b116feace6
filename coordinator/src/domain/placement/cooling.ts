import type { ErrorCode } from '@wombat/proto';
import type { Domain } from '../model/family.js';
import type { Host } from '../model/host.js';
import { isMadeAs } from './host-pool.js';

/** How long no machine is asked for where there was none. */
export const coolDownMs = 5 * 60_000;

/** Why a domain gets no new hosts for a while. */
export interface Cooling {
  readonly until: number;
  /** What the provider has said. */
  readonly why: string;
}

const codes: ReadonlySet<string> = new Set<ErrorCode>(['WO_PROVIDER_QUOTA', 'WO_PROVIDER_CAPACITY']);

/**
 * Domains whose provider had no machine like theirs a moment ago, by id. The hosts that failed for it are what is remembered:
 * who removes them asks again at once.
 */
export function coolingDomains(domains: readonly Domain[], failed: readonly Host[], now: number): ReadonlyMap<string, Cooling> {
  const refused = failed.filter(({ phaseSince, lastError }) => codes.has(lastError?.code ?? '') && phaseSince + coolDownMs > now);
  return new Map(domains.flatMap((domain) => {
    const [last] = refused.filter((host) => isMadeAs(host, domain)).sort((one, other) => other.phaseSince - one.phaseSince);
    return last ? [[domain.id, { until: last.phaseSince + coolDownMs, why: last.lastError?.message ?? '' }] as const] : [];
  }));
}
