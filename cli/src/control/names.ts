import type { Metadata } from '@wombat/proto/control';

/** Name, or the id of what has none. */
export function labelOf(object: { readonly metadata?: Metadata | undefined }): string {
  return object.metadata?.name || (object.metadata?.id ?? '');
}

export function idOf(object: { readonly metadata?: Metadata | undefined } | undefined): string {
  return object?.metadata?.id ?? '';
}

/** An argument as it can be typed again: quoted when a shell would split it. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
