import { readFileSync } from 'node:fs';
import { openTo } from '../accounts/run-as.js';
import { findPlatform } from '../facts/platform.js';
import { parseMemory } from '../facts/proc.js';
import { checkDisk, checkMemory } from '../preflight/capacity-check.js';
import { checkLimits } from '../preflight/limit-check.js';
import { checkPlatform, checkRuntime } from '../preflight/runtime-check.js';
import { readStat } from '@wombat/proto/processes';
import { sessionMembers } from '../processes/process-table.js';
import { ownerOf, type NodeContext } from './node-context.js';
import { isRootCurrent } from './node-launch.js';
import type { NodeServices } from './node-services.js';
import type { NodeState } from './node-state.js';
import { checkPorts } from './port-check.js';

/**
 * Brings the release to the host and looks whether the node can run here at all. Nothing is stopped
 * or changed by it: a node of an older generation may run meanwhile, and runs on when this fails.
 * @throws WombatError of a code that names what is missing, or the signal's reason
 */
export async function prepareNode(state: NodeState, services: NodeServices, signal: AbortSignal): Promise<void> {
  const context = state.requireContext();
  const artifact = state.requireArtifact();
  await checkHost(context, services, signal);
  // A restart of what ran here asks for nothing that it did not have.
  if (!state.currentStart?.wasReady) await checkCapacity(state, context, services);
  await checkPorts(context.spec, state.isAlive ? state.startedContext?.spec : undefined);
  if (isRootCurrent(context, state.record.rootKey)) return;
  state.enter('pending');
  state.enter('fetching');
  await services.releases.ensureTree(artifact, signal);
  checkRuntime(services.releases.treeDirectory(artifact), findPlatform(), librariesFirst(context));
}

async function checkHost(context: NodeContext, { directory }: NodeServices, signal: AbortSignal): Promise<void> {
  const { limits, requirements } = context.spec;
  checkPlatform(requirements?.platform, findPlatform());
  if (limits) checkLimits(limits);
  const owner = ownerOf(context);
  if (owner) await openTo(owner, directory, signal);
}

async function checkCapacity(state: NodeState, { spec, paths }: NodeContext, { directory }: NodeServices): Promise<void> {
  const { memoryBytes = 0n, diskBytes = 0n } = spec.requirements ?? {};
  if (memoryBytes > 0n) checkMemory({ neededBytes: Number(memoryBytes), freedBytes: residentBytes(state) });
  await checkDisk(directory, paths.data, Number(diskBytes));
}

/** What the node has now and gives back when it is stopped. */
function residentBytes(state: NodeState): number {
  const stat = state.isAlive && state.process?.child ? readStat(state.process.child.pid) : undefined;
  if (!stat) return 0;
  return sessionMembers(stat.sessionId).reduce((sum, { pid }) => sum + residentOf(pid), 0);
}

function residentOf(pid: number): number {
  try {
    return parseMemory(readFileSync(`/proc/${pid}/status`, 'latin1'), 'VmRSS');
  } catch {
    return 0;
  }
}

function librariesFirst({ spec }: NodeContext): string[] {
  return (spec.environment['LD_LIBRARY_PATH'] ?? '').split(':').filter((folder) => folder.startsWith('/'));
}
