import type { Clock } from '@wombat/proto';
import type { OperationTools } from '../engine/operations/operation-tools.js';
import { CountingIds } from './counting-ids.js';

/** For families whose strategies are FakeStrategies. */
export function operationTools(clock: Clock, ids = new CountingIds(), keepRevisions = 10): OperationTools {
  return { clock, ids, enforcesFirewall: () => false, joins: (family) => family.spec.bootstrap.strategy !== 'none', maxNodesPerOperation: 100, keepRevisions };
}
