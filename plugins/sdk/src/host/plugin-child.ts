import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';

export interface EndTimes {
  /** From the closing of its standard input to SIGTERM. @default 5 s */
  readonly closeMs: number;
  /** From SIGTERM to SIGKILL. @default 5 s */
  readonly termMs: number;
}

export const endTimes: EndTimes = { closeMs: 5_000, termMs: 5_000 };

export interface ChildOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** @default that of this process */
  readonly workingDirectory?: string;
}

/** The process of a plugin's program, leader of a group of its own. */
export class PluginChild {
  /** Says how it ended: "exited with code 1". */
  readonly exited: Promise<string>;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly #process: ChildProcess;
  #hasEnded = false;

  constructor(command: readonly string[], { environment, workingDirectory }: ChildOptions) {
    const [program, ...words] = command;
    const child = spawn(program!, words, { env: environment, cwd: workingDirectory, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#process = child;
    this.stdout = child.stdout;
    this.stderr = child.stderr;
    // Nobody writes there; that its reader is gone is told by the exit.
    child.stdin.on('error', () => undefined);
    this.exited = new Promise((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) => child.pid === undefined && this.#ended(resolve, `cannot be started: ${error.code ?? error.message}`));
      child.once('exit', (code, signal) => this.#ended(resolve, signal ? `was ended by ${signal}` : `exited with code ${code}`));
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Asks it to end, then makes it: with all that it has started and not set free. */
  async end({ closeMs, termMs }: EndTimes = endTimes): Promise<void> {
    this.#process.stdin?.end();
    if (await this.#endsWithin(closeMs)) return;
    await this.kill({ termMs });
  }

  /** For one that does not answer. */
  async kill({ termMs }: Pick<EndTimes, 'termMs'> = endTimes): Promise<void> {
    this.#signal('SIGTERM');
    if (await this.#endsWithin(termMs)) return;
    this.#signal('SIGKILL');
    await this.exited;
  }

  #ended(resolve: (how: string) => void, how: string): void {
    // The leader is gone; what it left in its group goes too.
    this.#signal('SIGKILL');
    this.#hasEnded = true;
    // Whoever else holds these ends shall not keep us.
    for (const stream of [this.#process.stdin, this.#process.stdout, this.#process.stderr]) stream?.destroy();
    resolve(how);
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (this.#hasEnded || pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // Nobody is left.
    }
  }

  async #endsWithin(timeoutMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), timeoutMs)));
    const inTime = await Promise.race([this.exited.then(() => true), late]);
    clearTimeout(timer);
    return inTime;
  }
}
