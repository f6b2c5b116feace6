/** Words of the method table: what an operator may be allowed to do. */
export const permissions = ['read', 'write', 'exec', 'console', 'admin'] as const;
export type Permission = (typeof permissions)[number];

/** Who is at the other end of a call, as proved by token or certificate, never by the payload. */
export type Identity =
  | { readonly kind: 'operator'; readonly id: string; readonly name: string; readonly permissions: readonly Permission[] }
  | { readonly kind: 'host'; readonly hostId: string; readonly fingerprint: string }
  /** A host whose certificate is out of its time: it may renew it, and nothing else. */
  | { readonly kind: 'lapsed-host'; readonly hostId: string; readonly fingerprint: string }
  | { readonly kind: 'none' };

/** How an identity is written into operations, jobs and events. */
export function principalOf(identity: Identity): string {
  if (identity.kind === 'operator') return identity.name;
  return identity.kind === 'none' ? 'nobody' : identity.hostId;
}
