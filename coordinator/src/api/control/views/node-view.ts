import { NodeDesired, NodePhase, type Node as NodeMessage } from '@wombat/proto/control';
import type { Node } from '../../../domain/model/node.js';
import { dateOf, enumOf, errorView, metadataView, waitingView } from './common.js';

/** Names that people know the node's surroundings by. */
export interface NodeNames {
  readonly familyName: string;
  readonly hostName: string;
  readonly domainName: string;
  readonly releaseTitle: string;
}

export function nodeView(node: Node, names: NodeNames): NodeMessage {
  return {
    metadata: metadataView(node),
    familyId: node.familyId,
    familyGeneration: BigInt(node.familyGeneration),
    ...names,
    hostId: node.hostId,
    domainId: node.domainId,
    releaseId: node.releaseId,
    desired: enumOf<NodeDesired>(NodeDesired, node.desired),
    phase: enumOf<NodePhase>(NodePhase, node.phase),
    phaseSince: new Date(node.phaseSince),
    waiting: waitingView(node.waiting),
    address: node.address,
    erlangName: node.erlangName,
    ports: node.ports.map((port) => ({ ...port })),
    pid: BigInt(node.pid),
    startedAt: dateOf(node.startedAt),
    restarts: node.restarts,
    lastError: errorView(node.lastError),
    logTail: node.logTail,
  };
}
