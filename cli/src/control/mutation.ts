import { randomUUID } from 'node:crypto';
import type { Mutation } from '@wombat/proto/control';

/** A fresh request id: whatever resends this request gets the first answer again. */
export function newMutation(dryRun = false): Mutation {
  return { requestId: randomUUID(), expectedRevision: 0n, dryRun };
}
