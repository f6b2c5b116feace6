import { WombatError } from '@wombat/proto';
import type { Reader } from '../../store/store.js';
import type { Node, NodePhase } from '../../domain/model/node.js';
import { presentPhases } from '../../domain/states/node-states.js';
import { lookUp } from '../find-object.js';
import { hintWithNearest } from '../nearest-name.js';

export interface JobTargetRef {
  readonly targetId: string;
  readonly targetName: string;
  readonly hostId: string;
  /** Phase of a node; a host has none here. */
  readonly phase?: NodePhase;
}

type TargetReader = Pick<Reader, 'families' | 'nodes' | 'hosts'>;

/**
 * The targets that an expression means: every node of a family, one node, or one host itself.
 * @throws WombatError WO_NOT_FOUND, also when a family has no nodes; WO_AMBIGUOUS
 */
export async function resolveTargets(read: TargetReader, expression: string): Promise<JobTargetRef[]> {
  const family = await lookUp(read, 'families', expression);
  if (family) {
    const nodes = await read.nodes.find({ familyId: family.id, phase: presentPhases });
    if (nodes.length === 0) throw new WombatError('WO_NOT_FOUND', `family ${family.name} has no nodes`, { hint: `deploy some: wo deploy-nodes ${family.id} --amount N` });
    return nodes.map(refOf);
  }
  const node = await lookUp(read, 'nodes', expression);
  if (node && node.phase !== 'gone') return [refOf(node)];
  const host = await lookUp(read, 'hosts', expression);
  if (host && host.phase !== 'gone') return [{ targetId: host.id, targetName: host.name, hostId: host.id }];
  throw new WombatError('WO_NOT_FOUND', `nothing is called ${JSON.stringify(expression.slice(0, 80))}: no family, node or host`, {
    hint: await hintWithNearest(read, ['families', 'nodes', 'hosts'], expression, 'see what there is: wo status'),
  });
}

function refOf(node: Node): JobTargetRef {
  return { targetId: node.id, targetName: node.name, hostId: node.hostId, phase: node.phase };
}
