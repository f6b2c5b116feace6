import { newId } from '@wombat/proto';
import type { Store } from '../store/store.js';

export const clusterIdKey = 'cluster-id';

/** The cluster's id, 12 characters of base32: made at first start, in every certificate, token and machine tag. */
export function ensureClusterId(store: Store): Promise<string> {
  const fresh = newId('prv').slice('prv-'.length);
  return store.transaction(async (transaction) => {
    const known = await transaction.meta.get(clusterIdKey);
    if (known !== undefined) return known;
    await transaction.meta.set(clusterIdKey, fresh);
    return fresh;
  });
}
