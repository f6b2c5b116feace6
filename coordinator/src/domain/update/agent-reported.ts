import type { Host } from '../model/host.js';
import type { AgentUpdate } from '../model/agent-update.js';
import type { StoredError } from '../model/object.js';

/** What an agent says of itself when it connects. */
export interface AgentReport {
  /** Empty: it was not installed from a package. */
  readonly packageSha256: string;
  /** The last update that it went back from. */
  readonly failed?: { readonly updateId: string; readonly error: StoredError };
}

type WithAgent = Pick<Host, 'agentPackage' | 'agentUpdate'>;

/** What a host is to say of its agent, after what that says. */
export function agentReported(agentUpdate: AgentUpdate | undefined, { packageSha256, failed }: AgentReport, now: number): WithAgent {
  return { ...(packageSha256 === '' ? {} : { agentPackage: packageSha256 }), ...(agentUpdate ? { agentUpdate: updateReported(agentUpdate, packageSha256, failed, now) } : {}) };
}

function updateReported(update: AgentUpdate, packageSha256: string, failed: AgentReport['failed'], now: number): AgentUpdate {
  if (packageSha256 === update.sha256) return update.state === 'done' ? update : { ...withoutError(update), state: 'done', since: now };
  // One whose Welcome was lost on the way has gone back after it was taken to be done.
  return failed?.updateId === update.operationId && update.state !== 'failed' ? updateFailed(update, failed.error, now) : update;
}

export function updateFailed(update: AgentUpdate, error: StoredError, now: number): AgentUpdate {
  return { ...update, state: 'failed', since: now, error };
}

function withoutError({ error: _past, ...update }: AgentUpdate): AgentUpdate {
  return update;
}
