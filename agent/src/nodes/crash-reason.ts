import { WombatError } from '@wombat/proto';
import type { ExitStatus } from '@wombat/proto/agent';
import { isAlive, type ProcessIdentity } from '@wombat/proto/processes';
import { readCrashDump } from '../erlang/crash-dump.js';
import { describeExit, isKill } from '../processes/exit-status.js';
import { killedForMemory } from '../processes/kernel-log.js';
import { plainText } from './log-tail.js';
import { SecretMask } from './mask-secrets.js';
import type { NodeContext } from './node-context.js';
import type { NodeServices } from './node-services.js';

/** A process that ended, or was ended by the kernel. */
export interface EndedProcess {
  readonly exit: ExitStatus;
  readonly child: ProcessIdentity | undefined;
  readonly startedAtMs: number;
}

const longestSlogan = 400;

/** Why a process ended, as far as its host can tell: its exit, what the kernel says, and what its virtual machine said. */
export function crashReason(context: NodeContext, ended: EndedProcess, { memoryGroups }: Pick<NodeServices, 'memoryGroups'>): WombatError {
  const { nodeId, spec, paths } = context;
  const message = `the process of ${spec.name} ended with ${describeExit(ended.exit)}`;
  const limitBytes = spec.limits?.memoryBytes ?? 0n;
  if (limitBytes > 0n && memoryGroups.hasKilled(nodeId)) {
    return new WombatError('WO_NODE_EXITED', `${message}: it took more than the ${limitBytes} bytes of memory that its limit allows`, { hint: 'raise `limits.memory` of the release, or have it use less' });
  }
  if (isOutOfMemory(ended)) {
    return new WombatError('WO_NODE_EXITED', `${message}: the kernel killed it, for the host had no memory left`, { hint: 'choose a larger hardware profile, or fewer nodes on each host' });
  }
  const dump = readCrashDump(paths.home, ended.startedAtMs);
  if (!dump) return new WombatError('WO_NODE_EXITED', message);
  // Starred before it is cut, lest half a secret be left.
  const slogan = plainText(new SecretMask(spec).text(dump.slogan)).replace(/\s+/g, ' ').slice(0, longestSlogan);
  return new WombatError('WO_NODE_EXITED', slogan === '' ? message : `${message}: ${slogan}`, { hint: `see its log: wo node logs NODE; its crash dump is ${dump.file} on its host` });
}

function isOutOfMemory({ exit, child }: EndedProcess): boolean {
  return isKill(exit) && child !== undefined && !isAlive(child) && killedForMemory(child);
}
