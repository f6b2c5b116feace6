import type { Node } from '../../domain/model/node.js';
import type { Reader } from '../../store/store.js';
import type { NodeNames } from './views/node-view.js';

/** Looks the names of what nodes belong to up once for a list of them. */
export async function nodeNames(read: Pick<Reader, 'families' | 'hosts' | 'domains' | 'releases'>, nodes: readonly Node[]): Promise<(node: Node) => NodeNames> {
  const [families, hosts, domains, titles] = await Promise.all([
    read.families.names(nodes.map((node) => node.familyId)),
    read.hosts.names(nodes.map((node) => node.hostId)),
    read.domains.names(nodes.map((node) => node.domainId)),
    titlesOf(read, nodes),
  ]);
  return ({ familyId, hostId, domainId, releaseId }) => ({
    familyName: families.get(familyId) ?? '', hostName: hosts.get(hostId) ?? '', domainName: domains.get(domainId) ?? '', releaseTitle: titles.get(releaseId) ?? '',
  });
}

/** "Sample 0.1.0", by id: thousands of nodes run few releases. */
async function titlesOf(read: Pick<Reader, 'releases'>, nodes: readonly Node[]): Promise<Map<string, string>> {
  const titles = new Map<string, string>();
  for (const id of new Set(nodes.map(({ releaseId }) => releaseId))) {
    const release = await read.releases.get(id);
    if (release) titles.set(id, `${release.name} ${release.version}`);
  }
  return titles;
}
