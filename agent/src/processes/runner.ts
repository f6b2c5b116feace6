import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fchownSync, openSync } from 'node:fs';
import { WombatError } from '@wombat/proto';
import type { ExitStatus } from '@wombat/proto/agent';
import type { RunAs } from '../accounts/run-as.js';
import { openPlainFile } from '../logs/plain-file.js';
import { ExitPoller } from './exit-poller.js';
import { exitOfChild, unknownExit } from './exit-status.js';
import { readExit, readSessionIdentity, removeRecord } from './process-record.js';
import { isAlive } from '@wombat/proto/processes';
import { findByEnvironment } from './process-table.js';
import { RunningProcess, startIdVariable } from './running-process.js';
import { shimScript, type ChildLimits } from './shim.js';

export interface SpawnRequest {
  /** A new one for each start: `newStartId()`. */
  readonly startId: string;
  /** Where the shim writes PREFIX.pid and PREFIX.exit. */
  readonly recordPrefix: string;
  /** argv[0] is an absolute path. */
  readonly argv: readonly string[];
  readonly workingDirectory: string;
  /** The whole of it; the start id is added. */
  readonly environment: Readonly<Record<string, string>>;
  /** Appended to. */
  readonly stdoutFile: string;
  readonly stderrFile: string;
  /** @default /dev/null */
  readonly stdinFile?: string;
  readonly limits?: ChildLimits;
  /** Another user than the agent's own. The shim stays the agent's, so that its record is to be trusted. */
  readonly runAs?: RunAs | undefined;
}

/** What became of a process that an earlier agent started, or was about to start. */
export type Adoption =
  | { readonly kind: 'running'; readonly process: RunningProcess }
  | { readonly kind: 'ended'; readonly exit: ExitStatus; readonly process: RunningProcess }
  | { readonly kind: 'never-started' };

export function newStartId(): string {
  return `start-${randomBytes(9).toString('hex')}`;
}

/** Whether a text is one: it may come from the environment of any process. */
export function isStartId(text: string | undefined): text is string {
  return text !== undefined && /^start-[0-9a-f]{18}$/.test(text);
}

/** Starts nodes and commands alike, each in a session of its own that outlives the agent. */
export class Runner {
  readonly #poller: ExitPoller;

  constructor(poller = new ExitPoller()) {
    this.#poller = poller;
  }

  /** For processes that are not its own children. */
  get poller(): ExitPoller {
    return this.#poller;
  }

  /** @throws WombatError WO_NODE_START_FAILED when the shim cannot be run */
  async spawn(request: SpawnRequest): Promise<RunningProcess> {
    removeRecord(request.recordPrefix);
    const child = launch(request);
    await spawned(child);
    const running = new RunningProcess({ ...request, poller: this.#poller, shimPid: child.pid! });
    child.once('exit', (code, signal) => running.onShimExit(exitOfChild(code, signal)));
    // The agent may end while its children run.
    child.unref();
    return running;
  }

  /** Finds a process again by its record, else by the start id in its environment. */
  adopt(startId: string, recordPrefix: string): Adoption {
    const options = { startId, recordPrefix, poller: this.#poller };
    const identity = readSessionIdentity(recordPrefix);
    const isOver = identity && !isAlive(identity.child) && !isAlive(identity.shim);
    const exit = readExit(recordPrefix) ?? (isOver ? unknownExit : undefined);
    if (exit) return { kind: 'ended', exit, process: new RunningProcess({ ...options, exit }) };
    if (identity) return { kind: 'running', process: watched(new RunningProcess(options)) };
    const [member] = findByEnvironment(startIdVariable, startId);
    if (!member) return { kind: 'never-started' };
    return { kind: 'running', process: watched(new RunningProcess({ ...options, shimPid: member.sessionId })) };
  }
}

function watched(running: RunningProcess): RunningProcess {
  running.watchByPolling();
  return running;
}

function launch(request: SpawnRequest): ChildProcess {
  const descriptors: number[] = [];
  const kept = (descriptor: number): number => {
    descriptors.push(descriptor);
    return descriptor;
  };
  const { runAs } = request;
  const output = (file: string): number => {
    const descriptor = kept(openPlainFile(file, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o600));
    // For programs that open /dev/stdout.
    if (runAs) fchownSync(descriptor, runAs.uid, runAs.gid);
    return descriptor;
  };
  try {
    return spawn('/bin/sh', ['-c', shimScript(request.limits), request.recordPrefix, ...(runAs?.command ?? []), ...request.argv], {
      cwd: request.workingDirectory,
      env: { ...request.environment, [startIdVariable]: request.startId },
      detached: true,
      stdio: [request.stdinFile ? kept(openSync(request.stdinFile, 'r')) : 'ignore', output(request.stdoutFile), output(request.stderrFile)],
    });
  } catch (cause) {
    throw startFailed(request.argv, cause);
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

async function spawned(child: ChildProcess): Promise<void> {
  // Synchronously known: spawn() has either a pid or fails at the next turn.
  if (child.pid !== undefined) return;
  const cause = await new Promise<Error>((resolve) => child.once('error', resolve));
  throw startFailed(child.spawnargs.slice(4), cause);
}

function startFailed(argv: readonly string[], cause: unknown): WombatError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC') return new WombatError('WO_DISK_FULL', 'no space left to start a process', { cause });
  return new WombatError('WO_NODE_START_FAILED', `cannot start ${argv[0] ?? ''}: ${(cause as Error).message}`, { cause });
}
