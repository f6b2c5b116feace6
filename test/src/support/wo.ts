import type { ChildProcess } from 'node:child_process';
import { launchers } from './checkout.js';
import { spawnPlain, usualEnvironment } from './spawn-plain.js';

export interface WoResult {
  readonly words: readonly string[];
  /** 128 and the signal's number when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The same as `stdout`, byte by byte. */
  readonly stdoutBytes: Buffer;
}

export interface WoOptions {
  readonly configDirectory: string;
  /** @default 60000 */
  readonly deadlineMs?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** What it reads from standard input. @default nothing */
  readonly input?: string;
}

/** A `wo` that runs: neither its input nor its outputs are terminals. */
export class WoProcess {
  readonly words: readonly string[];
  readonly pid: number;
  /** Resolves at its end, or rejects at its deadline. */
  readonly ended: Promise<WoResult>;
  readonly #child: ChildProcess;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];

  constructor(words: readonly string[], { configDirectory, deadlineMs = 60_000, environment = {}, input }: WoOptions) {
    this.words = words;
    const variables = { ...usualEnvironment(), HOME: configDirectory, WO_CONFIG_DIR: configDirectory, ...environment };
    this.#child = spawnPlain(launchers.wo, words, variables, { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
    this.#child.stdin?.end(input);
    this.pid = this.#child.pid ?? 0;
    this.#child.stdout?.on('data', (bytes: Buffer) => this.#stdout.push(bytes));
    this.#child.stderr?.on('data', (bytes: Buffer) => this.#stderr.push(bytes));
    this.ended = this.#end(deadlineMs);
    // Whoever never waits for it has ended it.
    this.ended.catch(() => undefined);
  }

  get stdout(): string {
    return Buffer.concat(this.#stdout).toString();
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  #end(deadlineMs: number): Promise<WoResult> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#child.kill('SIGKILL');
        reject(new Error(`wo ${this.words.join(' ')} has not ended after ${deadlineMs} ms\n${this.stdout}\n${this.stderr}`));
      }, deadlineMs);
      this.#child.once('close', (code, signal) => {
        clearTimeout(timer);
        const stdoutBytes = Buffer.concat(this.#stdout);
        resolve({ words: this.words, code: code ?? 128 + (signal === 'SIGKILL' ? 9 : 15), stdout: stdoutBytes.toString(), stderr: this.stderr, stdoutBytes });
      });
    });
  }
}

/** What a failed expectation shows of a command. */
export function tellResult({ words, code, stdout, stderr }: WoResult): string {
  return `wo ${words.join(' ')}: exit ${code}\n--- stdout\n${stdout.slice(-4_000)}\n--- stderr\n${stderr.slice(-4_000)}`;
}
