import type { PlanEntry } from '../domain/model/operation.js';
import type { Reader } from '../store/store.js';

interface Named {
  readonly id: string;
  readonly name: string;
}

/** The plan with the names of its hosts and domains: people read it long after those may be gone. `known` need not be looked up. */
export async function withNames(read: Pick<Reader, 'hosts' | 'domains'>, plan: readonly PlanEntry[], known: readonly Named[] = []): Promise<PlanEntry[]> {
  const names = new Map(known.map(({ id, name }) => [id, name]));
  const unknown = (ids: readonly string[]): string[] => ids.filter((id) => !names.has(id));
  const hosts = await read.hosts.names(unknown(plan.map(({ hostId }) => hostId)));
  const domains = await read.domains.names(unknown(plan.map(({ domainId }) => domainId)));
  const nameOf = (id: string): string => names.get(id) ?? hosts.get(id) ?? domains.get(id) ?? '';
  return plan.map((entry) => ({ ...entry, hostName: nameOf(entry.hostId), domainName: nameOf(entry.domainId) }));
}
