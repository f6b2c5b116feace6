import { quoted } from '@wombat/proto';
import type { Metadata } from '@wombat/proto/control';

/** Name, or the id of what has none. */
export function labelOf(object: { readonly metadata?: Metadata | undefined }): string {
  return object.metadata?.name || (object.metadata?.id ?? '');
}

export function idOf(object: { readonly metadata?: Metadata | undefined } | undefined): string {
  return object?.metadata?.id ?? '';
}

/** "wo node logs NODE" with the node's name in it, ready to be copied. */
export function concreteHint(hint: string, nodeName: string | undefined): string {
  return nodeName ? hint.replace(/\bNODE\b/g, quoted(nodeName)) : hint;
}

/** "web  rel-..." for people: what is read, and what can be relied on. */
export function nameAndId(name = '', id = ''): string {
  return [name, id].filter(Boolean).join('  ');
}
