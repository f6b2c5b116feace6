import { readHostFile } from './host-files.js';

/** The kernel's id of this boot: what ran before another one runs no more. */
export function readBootId(): string {
  return readHostFile('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
}
