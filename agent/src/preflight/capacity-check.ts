import { readdirSync, readFileSync } from 'node:fs';
import { WombatError } from '@wombat/proto';
import { parseMemory } from '../facts/proc.js';
import { requireSpace } from '../releases/disk-full.js';

export interface MemoryRequest {
  readonly neededBytes: number;
  /** Of what is to be stopped first. */
  readonly freedBytes: number;
}

/** @throws WombatError WO_MEMORY_SHORT with the figures in its details */
export function checkMemory({ neededBytes, freedBytes }: MemoryRequest, meminfo = readFileSync('/proc/meminfo', 'utf8')): void {
  const availableBytes = parseMemory(meminfo, 'MemAvailable') + freedBytes;
  if (availableBytes >= neededBytes) return;
  throw new WombatError('WO_MEMORY_SHORT', `the release asks for ${neededBytes} bytes of memory, ${availableBytes} are available on this host`, {
    details: { neededBytes: String(neededBytes), availableBytes: String(availableBytes) },
  });
}

/**
 * What a node asks for beside its release. Once it has data here, those are a part of what it asked for.
 * @throws WombatError WO_DISK_FULL, WO_DISK_TOO_SMALL with the figures in its details
 */
export async function checkDisk(directory: string, dataDirectory: string, neededBytes: number): Promise<void> {
  if (neededBytes === 0 || hasEntries(dataDirectory)) return;
  await requireSpace(directory, neededBytes, 'the release asks for space for its data:');
}

function hasEntries(directory: string): boolean {
  try {
    return readdirSync(directory).length > 0;
  } catch {
    return false;
  }
}
