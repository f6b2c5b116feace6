import { spawn } from 'node:child_process';
import { WombatError } from '@wombat/proto';
import { launcherOf, type ProgramName } from './launchers.js';
import type { Io } from './terminal/io.js';

/** Runs a program in the place of `wo`: its arguments, streams, signals and exit code are passed through. */
export function runProgram(program: ProgramName, argv: readonly string[], io: Io): Promise<number> {
  const launcher = launcherOf(program, io.env);
  const child = spawn(launcher, argv, { stdio: 'inherit', env: { ...io.env }, cwd: io.cwd });
  // Ctrl-C of a terminal reaches the child by itself; a signal sent to this process alone would not.
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  const ignore = (): void => {};
  io.signals.on('SIGTERM', pass);
  io.signals.on('SIGINT', ignore);
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new WombatError('WO_INTERNAL', `${launcher} cannot be started: ${cause.message}`, { cause })));
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === 'SIGKILL' ? 9 : signal === 'SIGINT' ? 2 : 15)));
  }).finally(() => {
    io.signals.off('SIGTERM', pass);
    io.signals.off('SIGINT', ignore);
  }) as Promise<number>;
}
