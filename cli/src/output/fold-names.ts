/** Longer numbers could not be counted with. */
const numbered = /^(.*?)(\d{1,15})$/s;
const special = /[[\],\\]/g;

/**
 * "web-1", "web-2", "web-3", "db-07", "db-08" become "web-[1-3],db-[07-08]": names that differ in their last number alone.
 * Before a bracket, comma or backslash of a name itself stands a backslash. Each name is there once.
 */
export function foldNames(names: readonly string[]): string {
  // Numbers of as many digits, with zeros before them, are of one kind; those without are of another.
  const groups = new Map<string, { readonly prefix: string; readonly width: number; readonly numbers: Set<number> }>();
  const others = new Set<string>();
  for (const name of names) {
    const [, prefix, digits] = numbered.exec(name) ?? [];
    if (prefix === undefined || digits === undefined || prefix === '') {
      others.add(name);
      continue;
    }
    const width = digits.length > 1 && digits.startsWith('0') ? digits.length : 0;
    const key = `${width} ${prefix}`;
    const group = groups.get(key) ?? { prefix, width, numbers: new Set() };
    group.numbers.add(Number(digits));
    groups.set(key, group);
  }
  const folded = [...groups.values()].map(({ prefix, width, numbers }) => `${escaped(prefix)}${rangesOf(numbers, width)}`);
  return [...folded, ...[...others].map(escaped)].join(',');
}

function rangesOf(numbers: ReadonlySet<number>, width: number): string {
  const ranges: [number, number][] = [];
  for (const number of [...numbers].sort((left, right) => left - right)) {
    const last = ranges.at(-1);
    if (last && number === last[1] + 1) last[1] = number;
    else ranges.push([number, number]);
  }
  const text = (number: number): string => String(number).padStart(width, '0');
  const [first] = ranges;
  if (ranges.length === 1 && first && first[0] === first[1]) return text(first[0]);
  return `[${ranges.map(([from, to]) => (from === to ? text(from) : `${text(from)}-${text(to)}`)).join(',')}]`;
}

function escaped(text: string): string {
  return text.replaceAll(special, '\\$&');
}
