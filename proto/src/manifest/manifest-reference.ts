import { manifestJsonSchema } from './manifest-schema.js';

interface Node {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
}

/** The table of docs/reference/manifest.md, one row for each key. */
export function manifestReference(): string {
  const rows = rowsOf(manifestJsonSchema() as Node, '').map(([key, meaning]) => `| \`${key}\` | ${meaning} |`);
  return ['| key | meaning |', '|---|---|', ...rows, ''].join('\n');
}

function rowsOf(node: Node, prefix: string): [string, string][] {
  return Object.entries(node.properties ?? {}).flatMap(([key, value]) => {
    const path = `${prefix}${key}`;
    const list = value.items?.properties ? `${path}[]` : path;
    return [[path, value.description ?? ''] as [string, string], ...rowsOf(value.items ?? value, `${list}.`)];
  });
}
