import { spawn } from 'node:child_process';
import { isErrorCode, withDeadline, WombatError, type ErrorCode } from '@wombat/proto';
import type { Unpacked, Unpacker, UnpackRequest } from './unpacker.js';

/** The first argument by which the agent's program knows that it shall unpack and nothing else. */
export const unpackCommand = 'unpack';

const deadlineMs = 30 * 60_000;
const outputBytes = 64 * 1024;

/** What the child prints: one line of JSON. */
export type UnpackAnswer = { readonly topFolder: string } | { readonly error: { readonly code: string; readonly message: string; readonly hint: string; readonly details: Readonly<Record<string, string>> } };

/** Unpacks in a short-lived process: its memory goes with it, and what a hostile tarball breaks is not the agent. */
export class ChildUnpacker implements Unpacker {
  readonly #program: readonly string[];

  /** @param program the agent's own: `[process.execPath, <path of the bundle>]` */
  constructor(program: readonly string[]) {
    this.#program = program;
  }

  async unpack(request: UnpackRequest, signal: AbortSignal): Promise<Unpacked> {
    const bounded = withDeadline(deadlineMs, 'unpacking the release', signal);
    const [node = process.execPath, ...rest] = this.#program;
    const argv = ['--max-old-space-size=128', '--max-semi-space-size=2', ...rest, unpackCommand, request.archivePath, String(request.sizeBytes), request.directory];
    const output = await run(node, argv, bounded);
    return readAnswer(output);
  }
}

function run(program: string, argv: readonly string[], signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(program, argv, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '' } });
    let output = '';
    let errors = '';
    const onAbort = (): void => void child.kill('SIGKILL');
    signal.addEventListener('abort', onAbort, { once: true });
    child.stdout.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(0, outputBytes)));
    child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-2_000)));
    child.on('error', reject);
    child.on('close', (code, ended) => {
      signal.removeEventListener('abort', onAbort);
      if (signal.aborted) reject(signal.reason as Error);
      else if (output !== '') resolve(output);
      else reject(new WombatError('WO_INTERNAL', `the process that unpacks ended with ${ended ?? code}: ${errors.trim()}`));
    });
  });
}

function readAnswer(output: string): Unpacked {
  const answer = JSON.parse(output) as UnpackAnswer;
  if (!('error' in answer)) return { topFolder: answer.topFolder };
  const { message, hint, details } = answer.error;
  const code: ErrorCode = isErrorCode(answer.error.code) ? answer.error.code : 'WO_INTERNAL';
  throw new WombatError(code, message, { hint, details });
}
