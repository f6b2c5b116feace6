import { groupBy, limits, sizeText, WombatError } from '@wombat/proto';
import { DataSizes, type DataSize } from '@wombat/proto/agent';
import { DataPolicy, type Mutation, type NodeData } from '@wombat/proto/control';
import type { Node } from '../../domain/model/node.js';
import type { Fleet } from '../../fleet/fleet.js';
import type { Store } from '../../store/store.js';

export interface DataTools {
  readonly store: Store;
  readonly fleet: Fleet;
}

/** All hosts together; one that has not answered by then is as one that cannot be asked. */
const answerMs = 10_000;
const hostsAtOnce = 32;
/** Of an answer about `limits.measuredNodes` nodes, with room. */
const maximumAnswerBytes = 64 * 1024;
const shownNodes = 5;

/** What the data directories of nodes hold, asked of their hosts now. Never rejects but for the signal. */
async function dataOf(tools: DataTools, nodes: readonly Node[], signal: AbortSignal): Promise<NodeData[]> {
  const answers = new Map<string, DataSize>();
  const parts = inParts(nodes);
  const soon = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
  const ask = async (): Promise<void> => {
    for (let part = parts.pop(); part; part = parts.pop()) {
      for (const size of await askHost(tools, part, soon)) answers.set(size.nodeId, size);
    }
  };
  await Promise.all(Array.from({ length: hostsAtOnce }, ask));
  signal.throwIfAborted();
  return nodes.map((node) => nodeData(node, answers.get(node.id)));
}

/** What a request says of the data of nodes that go. */
interface DataRequest {
  readonly mutation?: Mutation | undefined;
  readonly data: DataPolicy;
}

/**
 * What becomes of the data of these nodes; of a dry run what it holds.
 * @throws WombatError WO_CONFIRMATION_NEEDED when nothing is said and there is some
 */
export async function dataPolicy(tools: DataTools, request: DataRequest, nodes: readonly Node[], signal: AbortSignal): Promise<{ keepData: boolean; data: NodeData[] }> {
  const isDryRun = request.mutation?.dryRun ?? false;
  const isSaid = request.data === DataPolicy.KEEP || request.data === DataPolicy.DELETE;
  const data = isDryRun || !isSaid ? await dataOf(tools, nodes, signal) : [];
  // A value that this version does not know is no permission to delete.
  if (!isDryRun && !isSaid) refuseUnlessEmpty(data);
  // What has been written since it was found empty is kept.
  return { keepData: request.data !== DataPolicy.DELETE, data: isDryRun ? data : [] };
}

function refuseUnlessEmpty(data: readonly NodeData[]): void {
  const full = data.filter(({ empty }) => !empty);
  if (full.length === 0) return;
  const more = full.length > shownNodes ? ` and ${full.length - shownNodes} more` : '';
  const shown = full.slice(0, shownNodes).map((each) => `${each.nodeName} (${dataText(each)})`).join(', ');
  throw new WombatError('WO_CONFIRMATION_NEEDED', `there is data of ${shown}${more}`, { hint: 'give --keep-data or --delete-data' });
}

function dataText({ sizeBytes, atLeast }: NodeData): string {
  if (sizeBytes === undefined) return 'its host cannot be asked how much';
  return `${atLeast ? 'at least ' : ''}${sizeText(sizeBytes)}`;
}

function nodeData({ id, name, hostId }: Node, size: DataSize | undefined): NodeData {
  // A node that has never had a host has no data.
  if (!size) return { nodeId: id, nodeName: name, sizeBytes: hostId === '' ? 0n : undefined, empty: hostId === '', atLeast: false };
  return { nodeId: id, nodeName: name, sizeBytes: size.sizeBytes, empty: size.empty && size.sizeBytes === 0n && !size.atLeast, atLeast: size.atLeast };
}

/** Nodes of one host each, as many as one channel takes. */
function inParts(nodes: readonly Node[]): Node[][] {
  const parts: Node[][] = [];
  for (const members of groupBy(nodes, ({ hostId }) => hostId).values()) {
    for (let start = 0; start < members.length; start += limits.measuredNodes) parts.push(members.slice(start, start + limits.measuredNodes));
  }
  return parts;
}

async function askHost({ store, fleet }: DataTools, nodes: readonly Node[], signal: AbortSignal): Promise<readonly DataSize[]> {
  const { hostId } = nodes[0]!;
  const nodeIds = nodes.map(({ id }) => id);
  if (!fleet.isConnected(hostId)) return (await neverWas(store, hostId)) ? nodeIds.map((nodeId) => ({ nodeId, sizeBytes: 0n, empty: true, atLeast: false })) : [];
  try {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const { data } of fleet.openChannel(hostId, { $case: 'measureData', value: { nodeIds } }, signal)) {
      chunks.push(data);
      if ((length += data.length) > maximumAnswerBytes) return [];
    }
    return DataSizes.decode(Buffer.concat(chunks)).sizes.filter(({ nodeId }) => nodeIds.includes(nodeId));
  } catch {
    // An agent of an older version, or one that has just gone: nothing is known.
    return [];
  }
}

/** Its machine was never made, or is destroyed: with it whatever the node had. */
async function neverWas(store: Store, hostId: string): Promise<boolean> {
  const host = hostId === '' ? undefined : await store.read.hosts.get(hostId);
  return !host || host.phase === 'failed' || host.phase === 'gone';
}
