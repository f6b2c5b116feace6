import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { RunAs } from '../accounts/run-as.js';
import { cleanEnvironment } from '../processes/clean-environment.js';
import type { FileSink, SinkRequest } from './file-sink.js';

/*
 * Runs in the directory, with the rights of the user. What was written has its name only after the agent has said so on
 * the third descriptor: when the agent dies, that ends, and nothing is left.
 */
const script = `
set -Cu
umask 077
trap 'rm -f -- "./$1"' EXIT
rm -f -- "./$1" || exit 1
if [ -L "./$2" ] || { [ -e "./$2" ] && [ ! -f "./$2" ]; }; then echo "it is no plain file" >&2; exit 1; fi
cat >"./$1" || exit 1
chmod "$3" "./$1" || exit 1
sync "./$1" 2>/dev/null
IFS= read -r said <&3 && [ "$said" = commit ] || exit 1
mv -fT -- "./$1" "./$2" || exit 1
sync . 2>/dev/null
exit 0
`;
const endWithinMs = 5_000;
const toldBytes = 2_000;

/** Written by a process of a user, so that the kernel judges what that user may do there. */
export class UserSink implements FileSink {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #said = '';

  constructor({ directory, name, temporaryName, mode }: SinkRequest, user: RunAs, path: string) {
    const [program = '', ...args] = [...user.command, '/bin/sh', '-c', script, 'sh', temporaryName, name, mode.toString(8)];
    // The new process enters the directory by the descriptor before it becomes the user.
    this.#child = spawn(program, args, { cwd: `/proc/self/fd/${directory}`, env: cleanEnvironment({ path, home: '/' }), stdio: ['pipe', 'ignore', 'pipe', 'pipe'] });
    this.#ended = once(this.#child, 'close').catch((error: unknown) => error);
    this.#child.stderr?.on('data', (data: Buffer) => (this.#said = (this.#said + data.toString('utf8')).slice(-toldBytes)));
    // Whoever writes hears of it by the exit.
    for (const stream of [this.#child.stdin, this.#orders]) stream?.on('error', () => undefined);
  }

  async write(chunk: Uint8Array): Promise<void> {
    const { stdin } = this.#child;
    if (!stdin || stdin.destroyed) throw await this.#failure();
    if (!stdin.write(chunk)) await Promise.race([once(stdin, 'drain').catch(() => undefined), this.#ended]);
  }

  async commit(): Promise<void> {
    this.#child.stdin?.end();
    this.#orders?.end('commit\n');
    await this.#ended;
    if (this.#child.exitCode !== 0) throw await this.#failure();
  }

  async discard(): Promise<void> {
    this.#child.stdin?.destroy();
    this.#orders?.destroy();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), endWithinMs);
    await this.#ended;
    clearTimeout(late);
  }

  get #orders(): Writable | null {
    return this.#child.stdio[3] as Writable | null;
  }

  async #failure(): Promise<Error> {
    const ended = await this.#ended;
    if (ended instanceof Error) return ended;
    const said = this.#said.trim().split('\n').at(-1) ?? '';
    return Object.assign(new Error(said || 'the process that wrote it has ended'), { code: /no space|quota/i.test(said) ? 'ENOSPC' : 'EUSER' });
  }
}
