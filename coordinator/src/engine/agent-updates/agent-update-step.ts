import type { Host } from '../../domain/model/host.js';
import type { Operation, Step } from '../../domain/model/operation.js';

/** Where the update of one host's agent stands, read off the host. */
export function agentUpdateStep(host: Host | undefined, { id, finishedAt }: Pick<Operation, 'id' | 'finishedAt'>): Step {
  if (!host || host.desired === 'absent' || host.phase === 'gone') return { state: 'left', why: 'the host is gone, or goes' };
  const update = host.agentUpdate?.operationId === id ? host.agentUpdate : undefined;
  if (!update) return finishedAt === undefined ? { state: 'waiting', why: '' } : { state: 'left', why: 'not reached: the update had ended before its turn' };
  const said = { since: update.since, why: update.error?.message ?? '' };
  if (update.state !== 'active') return { ...said, state: update.state };
  return finishedAt === undefined ? { ...said, state: 'active', why: 'it fetches the package, and starts anew' } : { ...said, state: 'left', why: 'it was under way when the update ended' };
}
