import { presentPhases } from '../../domain/states/node-states.js';
import type { Host } from '../../domain/model/host.js';
import type { Operation } from '../../domain/model/operation.js';
import type { Reader, Transaction } from '../../store/store.js';
import { hostPhaseEvent } from '../events.js';

/** Hosts that were made only for the operation and hold nothing: they go. */
export async function releaseEmptyHosts(transaction: Transaction, operation: Operation): Promise<void> {
  for (const host of await emptyHosts(transaction, operation)) {
    if (host.desired === 'absent') continue;
    const leaving = await transaction.hosts.update({ ...host, desired: 'absent', generation: host.generation + 1 });
    await transaction.events.append(hostPhaseEvent(leaving, `${leaving.name} was made for ${operation.name}, which is cancelled, and is removed`));
  }
}

/** Those of them that are not gone yet. */
export async function emptyHosts(read: Pick<Reader, 'hosts' | 'nodes'>, { id, plan }: Operation): Promise<Host[]> {
  const empty: Host[] = [];
  for (const { action, hostId } of plan) {
    if (action !== 'create_host') continue;
    const host = await read.hosts.get(hostId);
    if (host?.operationId !== id || host.phase === 'gone') continue;
    if ((await read.nodes.count({ hostId, phase: presentPhases })) === 0) empty.push(host);
  }
  return empty;
}
