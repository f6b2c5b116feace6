import type { ChildProcess } from 'node:child_process';
import { spawnPlain, usualEnvironment } from './spawn-plain.js';

/**
 * Reads the directory, then waits: a second line means that all is done; the end of the input without one, that the
 * test is dead. It does not have the directory among its arguments, and so never finds itself.
 */
const script = `
read -r directory || exit 0
read -r dismissed && exit 0
for round in 1 2 3 4 5 6; do
  for process in /proc/[0-9]*; do
    if grep -qsF "$directory" "$process/cmdline" "$process/environ" ||
      { readlink "$process/cwd" "$process/fd/1" "$process/fd/2" 2>/dev/null | grep -qsF "$directory"; }; then
      kill -KILL "\${process#/proc/}" 2>/dev/null
    fi
  done
  sleep 0.1
done
chmod -R u+rwX "$directory" 2>/dev/null
rm -rf "$directory"
`;

/** Ends what runs from a directory when the test itself is killed, as the runner does when its time is over. */
export class LastResort {
  readonly #child: ChildProcess;

  constructor(directory: string) {
    this.#child = spawnPlain('/bin/sh', ['-c', script], usualEnvironment(), { stdio: ['pipe', 'ignore', 'ignore'], cwd: '/', detached: true });
    this.#child.stdin?.write(`${directory}\n`);
    this.#child.unref();
    (this.#child.stdin as unknown as { unref(): void }).unref();
  }

  dismiss(): void {
    this.#child.stdin?.end('done\n');
  }
}
