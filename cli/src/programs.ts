import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { WombatError } from '@wombat/proto';
import { launcherOf, type ProgramName } from './launchers.js';
import type { Io } from './terminal/io.js';

const longestOutputMs = 30_000;

/** What a program prints before it ends by itself. */
export async function outputOf(program: ProgramName, argv: readonly string[], io: Io): Promise<string> {
  const launcher = launcherOf(program, io.env);
  try {
    const { stdout } = await promisify(execFile)(launcher, argv, { env: { ...io.env } as NodeJS.ProcessEnv, cwd: io.cwd, timeout: longestOutputMs });
    return stdout;
  } catch (cause) {
    throw new WombatError('WO_INTERNAL', `${launcher} cannot be run: ${(cause as Error).message.split('\n')[0]}`, { cause });
  }
}

/** Runs a program in the place of `wo`: its arguments, streams, signals and exit code are passed through. */
export function runProgram(program: ProgramName, argv: readonly string[], io: Io): Promise<number> {
  const launcher = launcherOf(program, io.env);
  const child = spawn(launcher, argv, { stdio: 'inherit', env: { ...io.env }, cwd: io.cwd });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  // Ctrl-C of a terminal reaches the child by itself; a signal sent to this process alone would not.
  const passUnlessTyped = (signal: NodeJS.Signals): void => (io.stdin.isTTY === true ? undefined : pass(signal));
  io.signals.on('SIGTERM', pass);
  io.signals.on('SIGINT', passUnlessTyped);
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new WombatError('WO_INTERNAL', `${launcher} cannot be started: ${cause.message}`, { cause })));
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === 'SIGKILL' ? 9 : signal === 'SIGINT' ? 2 : 15)));
  }).finally(() => {
    io.signals.off('SIGTERM', pass);
    io.signals.off('SIGINT', passUnlessTyped);
  }) as Promise<number>;
}
