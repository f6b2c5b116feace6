import type { PlanEntry } from '../domain/model/operation.js';
import type { Reader } from '../store/store.js';

interface Named {
  readonly id: string;
  readonly name: string;
}

/** The plan with the names of its hosts and domains: people read it long after those may be gone. `known` need not be looked up. */
export async function withNames(read: Pick<Reader, 'hosts' | 'domains'>, plan: readonly PlanEntry[], known: readonly Named[] = []): Promise<PlanEntry[]> {
  const names = new Map(known.map(({ id, name }) => [id, name]));
  for (const { hostId, domainId } of plan) {
    if (!names.has(hostId)) names.set(hostId, (await read.hosts.get(hostId))?.name ?? '');
    if (!names.has(domainId)) names.set(domainId, (await read.domains.get(domainId))?.name ?? '');
  }
  return plan.map((entry) => ({ ...entry, hostName: names.get(entry.hostId) ?? '', domainName: names.get(entry.domainId) ?? '' }));
}
