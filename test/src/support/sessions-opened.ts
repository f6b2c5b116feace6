import { readFileSync } from 'node:fs';
import type { Workshop } from './workshop.js';

/** How often agents have opened a session, as the log of the coordinator tells. */
export function sessionsOpened({ coordinator }: Workshop): number {
  return readFileSync(coordinator.log, 'utf8').split('session opened').length - 1;
}
