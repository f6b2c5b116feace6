import type { Node } from '../../domain/model/node.js';
import type { Reader } from '../../store/store.js';
import type { NodeNames } from './views/node-view.js';

/** Looks the names of families and hosts up once for a list of nodes. */
export async function nodeNames(read: Pick<Reader, 'families' | 'hosts'>, nodes: readonly Node[]): Promise<(node: Node) => NodeNames> {
  const [families, hosts] = await Promise.all([
    read.families.names(nodes.map((node) => node.familyId)),
    read.hosts.names(nodes.map((node) => node.hostId)),
  ]);
  return (node) => ({ familyName: families.get(node.familyId) ?? '', hostName: hosts.get(node.hostId) ?? '' });
}
