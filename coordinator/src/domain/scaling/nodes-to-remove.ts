import type { Domain } from '../model/family.js';
import type { Node } from '../model/node.js';
import { isLive } from '../states/draining.js';

type Removable = Pick<Node, 'id' | 'domainId' | 'hostId' | 'ordinal' | 'phase'> & { readonly lastError?: Node['lastError'] | undefined };

/**
 * Which nodes go when a family is made smaller; pure. Those that do not run come first, the newest of them before
 * others. Then one after another: of the domain of the highest priority number, among those the one that is
 * furthest above its share by weight; there of the host that has the most nodes; there the newest.
 */
export function nodesToRemove<N extends Removable>(amount: number, nodes: readonly N[], domains: readonly Pick<Domain, 'id' | 'priority' | 'weight'>[]): N[] {
  const newestFirst = [...nodes].sort((a, b) => b.ordinal - a.ordinal);
  const idle = newestFirst.filter((node) => !isLive(node)).slice(0, amount);
  const left = newestFirst.filter(isLive);
  const chosen = [...idle];
  while (chosen.length < amount && left.length > 0) {
    const next = mostExpendable(left, domains);
    left.splice(left.indexOf(next), 1);
    chosen.push(next);
  }
  return chosen;
}

/** `nodes` are in the order in which they would go if all else were equal. */
function mostExpendable<N extends Removable>(nodes: readonly N[], domains: readonly Pick<Domain, 'id' | 'priority' | 'weight'>[]): N {
  const inDomain = counted(nodes, ({ domainId }) => domainId);
  const onHost = counted(nodes, ({ hostId }) => hostId);
  const rank = ({ domainId, hostId }: N): readonly number[] => {
    const domain = domains.find(({ id }) => id === domainId);
    // A domain that is gone is to be left first.
    return domain ? [domain.priority, inDomain.get(domainId)! / domain.weight, onHost.get(hostId)!] : [Infinity, 0, 0];
  };
  return nodes.reduce((best, node) => (isAbove(rank(node), rank(best)) ? node : best));
}

function counted<N>(nodes: readonly N[], keyOf: (node: N) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of nodes) counts.set(keyOf(node), (counts.get(keyOf(node)) ?? 0) + 1);
  return counts;
}

function isAbove(a: readonly number[], b: readonly number[]): boolean {
  const index = a.findIndex((value, at) => value !== b[at]);
  return index >= 0 && a[index]! > b[index]!;
}
