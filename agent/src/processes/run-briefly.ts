import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { WombatError } from '@wombat/proto';
import type { ExitStatus } from '@wombat/proto/agent';
import type { RunAs } from '../accounts/run-as.js';
import { exitOfChild } from './exit-status.js';
import { sendSignal } from './process-table.js';

export interface BriefCommand {
  /** argv[0] is an absolute path. */
  readonly argv: readonly string[];
  readonly workingDirectory: string;
  /** The whole of it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Another user than the agent's own. */
  readonly runAs?: RunAs | undefined;
  readonly input?: string;
  readonly timeoutMs: number;
  /** Of each stream; what is past it is read and dropped. @default 64 KiB */
  readonly maximumOutputBytes?: number;
}

const backgroundGraceMs = 200;

export interface BriefResult {
  readonly exit: ExitStatus;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/**
 * Runs a short internal command to its end: ready checks, stop actions, erl_call. Its output comes
 * through pipes, since it need not outlive the agent. At the deadline or when the signal fires its
 * whole session is killed.
 * @throws WombatError WO_DEADLINE_EXCEEDED, WO_NODE_START_FAILED, or the signal's reason
 */
export async function runBriefly(command: BriefCommand, signal?: AbortSignal): Promise<BriefResult> {
  signal?.throwIfAborted();
  const [program = '', ...args] = [...(command.runAs?.command ?? []), ...command.argv];
  const child = spawn(program, args, { cwd: command.workingDirectory, env: { ...command.environment }, detached: true, stdio: 'pipe' });
  const stdout = capture(child.stdout, command.maximumOutputBytes);
  const stderr = capture(child.stderr, command.maximumOutputBytes);
  // A command that does not read its input closes the pipe early: not our failure.
  child.stdin.on('error', () => undefined);
  child.stdin.end(command.input ?? '');

  let stoppedBy: unknown;
  const stop = (reason: unknown): void => {
    stoppedBy ??= reason;
    if (child.pid) sendSignal(-child.pid, 'SIGKILL');
    // Descendants that left the group may hold the pipes open for ever.
    child.stdout.destroy();
    child.stderr.destroy();
  };
  const onAbort = (): void => stop(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(
    () => stop(new WombatError('WO_DEADLINE_EXCEEDED', `${command.argv[0]} took longer than ${command.timeoutMs} ms`)),
    command.timeoutMs,
  );
  try {
    const exit = await ended(child);
    if (stoppedBy !== undefined) throw stoppedBy as Error;
    return { exit, stdout: stdout(), stderr: stderr() };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

function ended(child: ReturnType<typeof spawn>): Promise<ExitStatus> {
  return new Promise((resolve, reject) => {
    child.once('close', (code, name) => resolve(exitOfChild(code, name)));
    child.once('exit', () => {
      // What it left in the background may hold the pipes open; what was written is read by then.
      setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, backgroundGraceMs).unref();
    });
    child.once('error', (cause) => reject(new WombatError('WO_NODE_START_FAILED', `cannot run ${child.spawnfile}: ${cause.message}`, { cause })));
  });
}

function capture(stream: Readable, maximumBytes = 64 * 1024): () => Buffer {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => {
    const kept = chunk.subarray(0, maximumBytes - sizeBytes);
    if (kept.length > 0) chunks.push(kept);
    sizeBytes += kept.length;
  });
  return () => Buffer.concat(chunks);
}
