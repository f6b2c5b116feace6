import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { WombatError } from '@wombat/proto';
import type { ExitStatus } from '@wombat/proto/agent';
import type { TerminalSize } from '@wombat/proto/types';
import type { RunAs } from '../../accounts/run-as.js';
import { exitOfChild } from '../../processes/exit-status.js';
import { findProgram } from '../../processes/find-program.js';
import { sendSignal } from '../../processes/process-table.js';
import { runBriefly } from '../../processes/run-briefly.js';
import { startIdVariable } from '../../processes/running-process.js';
import { lifeDescriptor, ptyScript, readyDescriptor } from './pty-script.js';

export interface PtyRequest {
  readonly startId: string;
  /** argv[0] is an absolute path. */
  readonly argv: readonly string[];
  readonly workingDirectory: string;
  /** The whole of it; the start id is added. */
  readonly environment: Readonly<Record<string, string>>;
  /** What SHELL says. */
  readonly shell: string;
  readonly runAs: RunAs | undefined;
  readonly size: TerminalSize;
  /** Where programs are looked for. */
  readonly path: string;
}

const openTimeoutMs = 10_000;
const resizeTimeoutMs = 5_000;
/** From the end of its life to the end of `script`, before that is killed too. */
const endTimeoutMs = 2_000;
const largestComplaintBytes = 2_048;
const largestSide = 5_000;

const missingHint = 'on Debian and Ubuntu: apt-get install bsdutils; on Alpine: apk add util-linux-misc; elsewhere it is part of util-linux';

/**
 * A terminal (a pty) with a program on it. Node has none, and a native module would need a compiler on every host, so it is
 * made by script(1) of util-linux; its size is set from outside by stty(1), which also tells the program.
 */
export class Pty {
  readonly #child: ChildProcess;
  readonly #request: PtyRequest;
  readonly #ended: Promise<ExitStatus>;
  #terminal = '';
  #wanted: TerminalSize | undefined;
  #resizing: Promise<void> | undefined;
  #complaint = '';

  /**
   * Resolves when the program is about to start.
   * @throws WombatError WO_CONSOLE_UNSUPPORTED, WO_NODE_START_FAILED, or the signal's reason
   */
  static async open(request: PtyRequest, signal: AbortSignal): Promise<Pty> {
    const script = findProgram('script', '/', request.path);
    if (!script || !findProgram('stty', '/', request.path)) {
      throw new WombatError('WO_CONSOLE_UNSUPPORTED', `this host has no ${script ? 'stty' : 'script'}, which a console needs`, { hint: missingHint });
    }
    signal.throwIfAborted();
    const pty = new Pty(request, script);
    try {
      pty.#terminal = await pty.#ready(signal);
      return pty;
    } catch (error) {
      await pty.end();
      throw error;
    }
  }

  private constructor(request: PtyRequest, script: string) {
    this.#request = request;
    const { argv, shell, runAs, startId, workingDirectory, environment } = request;
    const text = ptyScript({ argv, shell, mark: `${startIdVariable}=${startId}`, ...withinBounds(request.size) });
    const [program = '', ...args] = [...(runAs?.command ?? []), script, '-qefc', text, '/dev/null'];
    this.#child = spawn(program, args, {
      cwd: workingDirectory,
      env: { ...environment, SHELL: '/bin/sh', [startIdVariable]: startId },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', (code, name) => resolve(exitOfChild(code, name)));
      this.#child.once('error', (error) => {
        this.#complaint = error.message;
        resolve(exitOfChild(null, null));
      });
    });
    for (const stream of this.#child.stdio) stream?.on('error', () => undefined);
    this.#child.stderr?.on('data', (bytes: Buffer) => (this.#complaint = `${this.#complaint}${bytes.toString()}`.slice(0, largestComplaintBytes)));
  }

  /** What the program writes. Who reads it slowly slows the program down. */
  get output(): AsyncIterable<Buffer> {
    return this.#child.stdout as Readable;
  }

  get ended(): Promise<ExitStatus> {
    return this.#ended;
  }

  /** Resolves when more may be written, or nobody reads any more; never rejects. */
  async write(bytes: Uint8Array): Promise<void> {
    const stdin = this.#child.stdin as Writable;
    if (stdin.destroyed || stdin.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        stdin.off('drain', done);
        stdin.off('close', done);
        resolve();
      };
      stdin.on('drain', done);
      stdin.on('close', done);
    });
  }

  /** The newest size counts; one is set at a time. Never rejects. */
  resize(size: TerminalSize): void {
    this.#wanted = size;
    this.#resizing ??= this.#setSizes().finally(() => (this.#resizing = undefined));
  }

  /** Ends the program and all that runs on its terminal; resolves when `script` is gone. */
  async end(): Promise<void> {
    this.#life.destroy();
    const { stdin, stdout, pid } = this.#child;
    stdin?.destroy();
    // A program that waits to write would hold up `script`.
    stdout?.destroy();
    const timer = setTimeout(() => pid && sendSignal(-pid, 'SIGKILL'), endTimeoutMs);
    await this.#ended;
    clearTimeout(timer);
  }

  get #life(): Writable {
    return this.#child.stdio[lifeDescriptor] as Writable;
  }

  /** Its name: "/dev/pts/3". */
  #ready(signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      let said = '';
      const failed = (reason: unknown): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        reject(reason as Error);
      };
      const unusable = (why: string): void => failed(new WombatError('WO_CONSOLE_UNSUPPORTED', `no terminal could be made: ${why}`, { hint: `script of util-linux is needed, and a /dev/pts; ${missingHint}` }));
      const onAbort = (): void => failed(signal.reason);
      const timer = setTimeout(() => unusable(`nothing was heard for ${openTimeoutMs / 1000} s`), openTimeoutMs);
      signal.addEventListener('abort', onAbort, { once: true });
      (this.#child.stdio[readyDescriptor] as Readable).on('data', (bytes: Buffer) => {
        said += bytes.toString();
        if (!said.includes('\n')) return;
        const name = said.trim();
        if (!/^\/dev\/pts\/\d+$/.test(name)) return unusable(`it calls itself ${JSON.stringify(name.slice(0, 80))}`);
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        resolve(name);
      });
      this.#child.stderr?.once('close', () => void this.#ended.then(() => unusable(this.#complaint.trim().split('\n')[0] || 'script ended at once')));
    });
  }

  async #setSizes(): Promise<void> {
    for (let size = this.#wanted; size; size = this.#wanted) {
      this.#wanted = undefined;
      const { rows, columns } = withinBounds(size);
      const { runAs, path } = this.#request;
      const argv = [findProgram('stty', '/', path) ?? '', '-F', this.#terminal, 'rows', String(rows), 'cols', String(columns)];
      // As the program's user: only that one, and root, may open it.
      await runBriefly({ argv, workingDirectory: '/', environment: {}, runAs, timeoutMs: resizeTimeoutMs }).catch(() => undefined);
    }
  }
}

function withinBounds({ rows, columns }: TerminalSize): { rows: number; columns: number } {
  const within = (side: number, usual: number): number => (side > 0 ? Math.min(largestSide, side) : usual);
  return { rows: within(rows, 24), columns: within(columns, 80) };
}
