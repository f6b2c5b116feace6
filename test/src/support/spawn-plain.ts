import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';

/**
 * Starts a program with this environment and nothing else. The test runner adds variables of its own to whatever a
 * test starts, which load it into every program of Node; `env` takes them away and becomes the program, same pid.
 */
export function spawnPlain(program: string, argv: readonly string[], environment: Readonly<Record<string, string>>, options: SpawnOptions): ChildProcess {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return spawn('/usr/bin/env', ['-i', ...variables, program, ...argv], options);
}

/** What of the environment people and services have, and programs may rely on. */
export function usualEnvironment(): Record<string, string> {
  const names = ['PATH', 'HOME', 'USER', 'LANG', 'TMPDIR'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}
