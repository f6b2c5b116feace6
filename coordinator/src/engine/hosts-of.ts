import type { Host } from '../domain/model/host.js';
import type { Reader } from '../store/store.js';

/** More than these are read together with all others. */
const singly = 500;

/** Those of the hosts that there are, by id. */
export async function hostsOf(read: Pick<Reader, 'hosts'>, ids: readonly string[]): Promise<Map<string, Host>> {
  const wanted = new Set(ids);
  const found = wanted.size > singly ? await read.hosts.find({}) : await Promise.all([...wanted].map((id) => read.hosts.get(id)));
  return new Map(found.flatMap((host) => (host && wanted.has(host.id) ? [[host.id, host]] : [])));
}
