import type { Host } from './host.js';
import type { Platform } from './release.js';

/** What the host's agent has said it is; undefined before it has. */
export function hostPlatform(host: Pick<Host, 'facts'>): Platform | undefined {
  const told = (host.facts as { readonly platform?: Partial<Platform> } | undefined)?.platform;
  return told && { os: told.os ?? '', arch: told.arch ?? '', libc: told.libc ?? '' };
}
