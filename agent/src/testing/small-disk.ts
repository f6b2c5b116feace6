import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

/** Why there is no small disk, or undefined when there is one at the path now. */
export function mountSmallDisk(path: string, sizeMiB: number): string | undefined {
  try {
    mkdirSync(path, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs', path], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `no tmpfs can be mounted here: ${(error as Error).message.split('\n').at(-2) ?? ''}`;
  }
}

export function unmountSmallDisk(path: string): void {
  execFileSync('umount', [path]);
}
