import { nearest } from '@wombat/proto';
import { manifestJsonSchema } from '@wombat/proto/manifest';
import { isMap, isNode, isScalar, type Document, type LineCounter } from 'yaml';
import type { ZodError } from 'zod';

type Path = readonly PropertyKey[];
interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
}

/** More would not be read. */
const maximumProblems = 5;

/** What is wrong with a manifest, each with its line and key: "line 4: ports[0].nmae is no key; did you mean ports[0].name?". */
export function problemsOf(error: ZodError, document: Document.Parsed, lines: LineCounter): string[] {
  const problems = error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [{ path: issue.path, text: `${keyOf(issue.path)}: ${issue.message}` }];
    return issue.keys.map((key) => ({ path: [...issue.path, key], text: unknownKey(issue.path, key) }));
  });
  return problems.slice(0, maximumProblems).map(({ path, text }) => {
    const offset = offsetOf(document, path);
    return offset === undefined ? text : `line ${lines.linePos(offset).line}: ${text}`;
  });
}

function unknownKey(path: Path, key: string): string {
  const close = nearest(key, keysAt(path));
  return `there is no key ${keyOf([...path, key])}${close === undefined ? '' : `, did you mean ${close}?`}`;
}

/** "ports[0].name" */
function keyOf(path: Path): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text === '' ? 'the file' : text.replace(/^\./, '');
}

/** The keys that the schema knows at a place. */
function keysAt(path: Path): string[] {
  let node: SchemaNode | undefined = manifestJsonSchema() as SchemaNode;
  for (const part of path) node = typeof part === 'number' ? node?.items : node?.properties?.[String(part)];
  return Object.keys(node?.properties ?? {});
}

/** Where in the text a key stands; undefined when it is missing there. */
function offsetOf(document: Document.Parsed, path: Path): number | undefined {
  const last = path.at(-1);
  const parent: unknown = path.length < 2 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (typeof last === 'string' && isMap(parent)) {
    const key = parent.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === last)?.key;
    return isNode(key) ? key.range?.[0] : undefined;
  }
  const node: unknown = last === undefined ? document.contents : document.getIn(path, true);
  return isNode(node) ? node.range?.[0] : undefined;
}
