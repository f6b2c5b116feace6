import type { Family } from '../../domain/model/family.js';
import type { Transaction } from '../../store/store.js';

/** Nodes are about to join: what is known of the cluster holds no more until it was looked at again. */
export async function expectCluster(transaction: Transaction, family: Family, joins: boolean): Promise<void> {
  const health = joins ? 'forming' : 'not_clustered';
  if (family.cluster.health === health) return;
  const current = await transaction.families.get(family.id);
  if (current) await transaction.families.update({ ...current, cluster: { health, parts: [] } });
}
