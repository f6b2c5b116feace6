import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A disk of its own, in memory. */
export interface SmallDisk {
  readonly path: string;
  /** Leaves no room at all. */
  fill(): void;
  /** Takes away what filled it. */
  free(): void;
  remove(): void;
}

/** On an empty directory. Undefined where none can be mounted, as it takes root. */
export function mountSmallDisk(mebibytes: number, path = mkdtempSync(join(tmpdir(), 'wombat-disk-'))): SmallDisk | undefined {
  const ballast = join(path, 'ballast');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path], { stdio: 'pipe' });
  } catch {
    rmdirSync(path);
    return undefined;
  }
  return {
    path,
    fill: () => {
      try {
        for (;;) appendFileSync(ballast, Buffer.alloc(64 * 1024));
      } catch (error) {
        // Whatever did not fit as a whole has been written as far as there was room.
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    },
    free: () => rmSync(ballast, { force: true }),
    remove: () => {
      execFileSync('umount', ['-l', path]);
      rmdirSync(path);
    },
  };
}
