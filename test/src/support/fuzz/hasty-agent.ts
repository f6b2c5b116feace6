import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnPlain, usualEnvironment } from '../spawn-plain.js';

const program = fileURLToPath(new URL('./hasty-agent-program.js', import.meta.url));

export interface HastyAgent {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Its log. */
  said(): string;
  /** The most memory that it ever had. */
  peakMiB(): number;
}

/** An agent that comes back at once whenever a session ends, with everything in this directory. */
export function startHastyAgent(directory: string, coordinator: string, token: string): HastyAgent {
  const [log, tokenFile] = [join(directory, 'agent.log'), join(directory, 'token')];
  writeFileSync(tokenFile, token, { mode: 0o600 });
  const output = openSync(log, 'a');
  const flags = ['--directory', join(directory, 'agent'), '--coordinator', coordinator, '--join-token-file', tokenFile];
  const child = spawnPlain(process.execPath, [program, ...flags], usualEnvironment(), { stdio: ['ignore', output, output] });
  closeSync(output);
  const pid = child.pid ?? 0;
  return {
    child, pid,
    said: () => readFileSync(log, 'utf8'),
    peakMiB: () => Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024),
  };
}
