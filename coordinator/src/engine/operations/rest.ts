import type { NodePhase } from '../../domain/model/node.js';
import type { Operation } from '../../domain/model/operation.js';
import type { Reader } from '../../store/store.js';

/** Where a node may be left by a cancelled operation without anything going on. */
export const restingPhases: readonly NodePhase[] = ['running', 'stopped', 'failed', 'gone'];

/** What a cancelled operation has left: "nodes: 2 running, 1 gone; hosts: cloud-1 up, cloud-2 gone". */
export async function restOf(read: Pick<Reader, 'nodes' | 'hosts'>, operation: Operation): Promise<string> {
  const phases = await read.nodes.countBy('phase', { operationId: operation.id });
  const nodes = Object.entries(phases).map(([phase, count]) => `${count} ${phase}`);
  const hosts: string[] = [];
  for (const { action, hostId, hostName } of operation.plan) {
    if (action !== 'create_host' && action !== 'destroy_host') continue;
    const phase = (await read.hosts.get(hostId))?.phase ?? 'gone';
    hosts.push(`${hostName || hostId} ${phase}${phase === 'destroying' ? ', which goes on' : ''}`);
  }
  const parts = [...(nodes.length > 0 ? [`nodes: ${nodes.join(', ')}`] : []), ...(hosts.length > 0 ? [`hosts: ${shortened(hosts)}`] : [])];
  return parts.join('; ') || 'nothing';
}

const shownHosts = 10;

function shortened(hosts: readonly string[]): string {
  return hosts.length <= shownHosts ? hosts.join(', ') : `${hosts.slice(0, shownHosts).join(', ')} and ${hosts.length - shownHosts} more`;
}
