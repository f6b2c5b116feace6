import type { StoredAttribute } from '../model/object.js';
import { targetAttribute, type TargetSource } from './target-attributes.js';

/** What a host has of each of its nodes. */
const ofNodes = /^(node|family|release|domain)(\.|$)/;

/**
 * One attribute of a host as a target by itself. Of what nodes have it has what any of its nodes has, as texts:
 * `family = riak` holds where a node of riak is, `not has node` where none is.
 */
export function hostTargetAttribute(host: TargetSource, nodes: readonly TargetSource[], key: string): StoredAttribute | undefined {
  if (!ofNodes.test(key)) return targetAttribute(host, key);
  const values = nodes.flatMap((node) => textsOf(targetAttribute(node, key)));
  return values.length === 0 ? undefined : [...new Set(values)];
}

function textsOf(value: StoredAttribute | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'object' ? value : [String(value)];
}
