import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs a program of the system to its end; what it wrote is in the error when it fails. */
export async function system(program: string, ...words: readonly string[]): Promise<string> {
  const { stdout } = await run(program, words, { timeout: 900_000, maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

/** Starts a program that is ended with this process, however that ends. */
export function companion(argv: readonly string[], output: number | 'ignore' = 'ignore'): ChildProcess {
  return spawn('setpriv', ['--pdeathsig', 'TERM', '--', ...argv], { stdio: ['ignore', output, output] });
}

/** Asks for its end, and pulls the plug when that takes too long. */
export async function endChild(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const plug = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await ended;
  clearTimeout(plug);
}
