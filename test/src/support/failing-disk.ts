import { execFileSync } from 'node:child_process';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';

/** A disk of its own in a file: ext4, which turns read-only when its journal cannot be written. */
export interface FailingDisk {
  /** As a disk does that breaks: from now on nothing is written, whoever has files open. */
  fail(): void;
  /** Mounts it again, when nobody uses it. */
  mount(how: 'ro' | 'rw'): void;
  remove(): void;
}

/** On an empty directory, of the file `image`. Undefined where none can be mounted, as it takes root and a loop device. */
export function mountFailingDisk(image: string, path: string): FailingDisk | undefined {
  // What its journal has is written first.
  const mount = (how: 'ro' | 'rw'): void => {
    run('mount', '-o', 'loop,errors=remount-ro', image, path);
    run('mount', '-o', `remount,${how}`, path);
  };
  const unmount = (): void => run('umount', path);
  writeFileSync(image, '');
  truncateSync(image, 64 * 1024 ** 2);
  try {
    run('mkfs.ext4', '-q', '-m', '0', image);
    mount('rw');
    run('rmdir', `${path}/lost+found`);
  } catch {
    return undefined;
  }
  return {
    fail: () => run('mount', '-o', 'remount,abort', path),
    mount: (how) => {
      unmount();
      mount(how);
    },
    remove: () => {
      unmount();
      rmSync(image);
    },
  };
}

function run(program: string, ...words: readonly string[]): void {
  execFileSync(program, words, { stdio: 'pipe' });
}
