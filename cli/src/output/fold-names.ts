/** "web-1", "web-2", "web-3", "db-7" become "web-[1-3],db-7": names that differ in their last number alone. */
export function foldNames(names: readonly string[]): string {
  const groups = new Map<string, number[]>();
  const single: string[] = [];
  for (const name of names) {
    const match = /^(.*\D)(0|[1-9]\d{0,8})$/.exec(name);
    if (!match) single.push(name);
    else groups.set(match[1]!, [...(groups.get(match[1]!) ?? []), Number(match[2])]);
  }
  const folded = [...groups].map(([prefix, numbers]) => foldGroup(prefix, numbers));
  return [...folded, ...single].join(',');
}

function foldGroup(prefix: string, numbers: readonly number[]): string {
  const sorted = [...new Set(numbers)].sort((left, right) => left - right);
  if (sorted.length === 1) return `${prefix}${sorted[0]}`;
  const ranges: [number, number][] = [];
  for (const number of sorted) {
    const last = ranges.at(-1);
    if (last && number === last[1] + 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return `${prefix}[${ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',')}]`;
}
