import { readdirSync } from 'node:fs';
import { arch, platform } from 'node:os';
import type { Platform } from '@wombat/proto/types';

/** In Node's own words; the C library decides which binaries of a release run here. */
export function findPlatform(): Platform {
  return { os: platform(), arch: arch(), libc: findLibc() };
}

/** musl's loader has a name of its own; where it is not, a Linux has glibc. */
function findLibc(): string {
  if (platform() !== 'linux') return '';
  try {
    if (readdirSync('/lib').some((name) => name.startsWith('ld-musl-'))) return 'musl';
  } catch {
    // No /lib at all: judged as the common case.
  }
  return 'glibc';
}
