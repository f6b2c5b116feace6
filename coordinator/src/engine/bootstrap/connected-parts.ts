/**
 * The connected parts of what nodes say of each other. `seen` maps each node's name to the names it
 * sees; names that nobody reports for are left out, since they are not of this family. Largest
 * part first, names sorted.
 */
export function connectedParts(seen: ReadonlyMap<string, readonly string[]>): string[][] {
  const parent = new Map([...seen.keys()].map((name) => [name, name]));
  const rootOf = (name: string): string => {
    let root = name;
    while (parent.get(root) !== root) root = parent.get(root)!;
    return root;
  };
  for (const [name, others] of seen) {
    for (const other of others) if (parent.has(other)) parent.set(rootOf(other), rootOf(name));
  }
  const parts = new Map<string, string[]>();
  for (const name of seen.keys()) {
    const root = rootOf(name);
    parts.set(root, [...(parts.get(root) ?? []), name]);
  }
  return [...parts.values()].map((part) => part.sort()).sort((a, b) => b.length - a.length || (a[0]! < b[0]! ? -1 : 1));
}
