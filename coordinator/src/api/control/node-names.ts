import type { Node } from '../../domain/model/node.js';
import type { Reader } from '../../store/store.js';
import type { NodeNames } from './views/node-view.js';

/** Looks the names of families and hosts up once for a list of nodes. */
export async function nodeNames(read: Pick<Reader, 'families' | 'hosts'>, nodes: readonly Node[]): Promise<(node: Node) => NodeNames> {
  const [families, hosts] = await Promise.all([
    namesById(read.families, nodes.map((node) => node.familyId)),
    namesById(read.hosts, nodes.map((node) => node.hostId)),
  ]);
  return (node) => ({ familyName: families.get(node.familyId) ?? '', hostName: hosts.get(node.hostId) ?? '' });
}

export async function namesById(collection: { get(id: string): Promise<{ readonly name: string } | undefined> }, ids: readonly string[]): Promise<Map<string, string>> {
  const unique = [...new Set(ids)];
  const names = await Promise.all(unique.map(async (id): Promise<[string, string]> => [id, (await collection.get(id))?.name ?? '']));
  return new Map(names);
}
