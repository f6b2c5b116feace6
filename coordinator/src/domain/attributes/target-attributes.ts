import type { StoredAttribute } from '../model/object.js';
import type { Domain, Family } from '../model/family.js';
import type { Node } from '../model/node.js';
import type { Release } from '../model/release.js';
import { attributeTable, type AttributeDefinition, type AttributeSource } from './attribute-table.js';
import { storedValue } from './stored-value.js';

/** What is known of a node and the host that it is on, or of a host alone. */
export interface TargetSource extends AttributeSource {
  readonly node?: Node;
  readonly family?: Family;
  readonly release?: Release;
  readonly domain?: Domain;
}

export type TargetDefinition = Omit<AttributeDefinition, 'read' | 'source'> & { readonly read: (source: TargetSource) => StoredAttribute | undefined };

/** Beside those of hosts: what expressions can ask. Of a list one entry is enough. */
export const targetTable: readonly TargetDefinition[] = [
  { key: 'node', type: 'list', description: 'name and id of the node', read: ({ node }) => node && [node.name, node.id] },
  { key: 'node.phase', type: 'text', description: 'its phase: `running`, `failed`, ...', read: ({ node }) => node?.phase },
  { key: 'node.desired', type: 'text', description: 'what is wanted of it: `running`, `stopped`, `absent`', read: ({ node }) => node?.desired },
  { key: 'node.ordinal', type: 'integer', description: 'its number in its family', read: ({ node }) => node?.ordinal },
  { key: 'node.restarts', type: 'integer', description: 'how often it was restarted', read: ({ node }) => node?.restarts },
  { key: 'node.address', type: 'text', description: 'the address it listens on', read: ({ node }) => node && known(node.address) },
  { key: 'node.erlang-name', type: 'text', description: 'its name among Erlang nodes', read: ({ node }) => node && known(node.erlangName) },
  { key: 'node.outdated', type: 'flag', description: 'it runs an earlier revision of its family', read: ({ node, family }) => node && family && node.familyGeneration < family.generation },
  { key: 'family', type: 'list', description: 'name and id of its family', read: ({ family }) => family && [family.name, family.id] },
  { key: 'release', type: 'list', description: 'name, name@version and id of its release', read: ({ release }) => release && [release.name, `${release.name}@${release.version}`, release.id] },
  { key: 'release.version', type: 'text', description: 'version of its release', read: ({ release }) => release?.version },
  { key: 'domain', type: 'list', description: 'name and id of the deployment domain it was placed in', read: ({ domain }) => domain && [domain.name, domain.id] },
  { key: 'host', type: 'list', description: 'name and id of the host', read: ({ host }) => [host.name, host.id] },
  { key: 'host.phase', type: 'text', description: 'its phase: `up`, `unknown`, `lost`, ...', read: ({ host }) => host.phase },
  { key: 'provider', type: 'list', description: 'name and id of the provider', read: ({ provider }) => provider && [provider.name, provider.id] },
  { key: 'region', type: 'text', description: 'as `host.region`', read: ({ host }) => known(host.region) },
  { key: 'zone', type: 'text', description: 'as `host.zone`', read: ({ host }) => known(host.zone) },
];

const definitions: ReadonlyMap<string, Omit<AttributeDefinition, 'source' | 'read'> & { readonly read?: (source: TargetSource) => StoredAttribute | undefined }> = new Map(
  [...attributeTable, ...targetTable].map((each) => [each.key, each]),
);
const domainLabel = 'domain.label.';

/** Of an attribute with a fixed name. */
export function knownAttribute(key: string): Pick<AttributeDefinition, 'type' | 'unit'> | undefined {
  return definitions.get(key);
}

export function knownAttributeKeys(): readonly string[] {
  return [...definitions.keys()];
}

/** One attribute of a target, by its key: quantities in base units. Undefined while it is not known. */
export function targetAttribute(source: TargetSource, key: string): StoredAttribute | undefined {
  const value = definitions.get(key)?.read?.(source);
  if (value !== undefined) return typeof value === 'object' && value.length === 0 ? undefined : value;
  if (key.startsWith(domainLabel)) return source.domain?.labels[key.slice(domainLabel.length)];
  return source.host.attributes?.[key] ?? storedValue(source.facts?.attributes.find((each) => each.key === key)?.value);
}

function known(text: string): string | undefined {
  return text === '' ? undefined : text;
}
