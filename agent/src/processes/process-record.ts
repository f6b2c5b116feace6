import { lstatSync, readFileSync, rmSync } from 'node:fs';
import type { ExitStatus } from '@wombat/proto/agent';
import { parseExitFile } from './exit-status.js';
import { parseStat, type ProcessIdentity } from '@wombat/proto/processes';

/** Who the two processes of a session are, as the shim wrote it. */
export interface SessionIdentity {
  /** Leader of the session and of its first process group. */
  readonly shim: ProcessIdentity;
  readonly child: ProcessIdentity;
}

/** What the shim wrote of itself and its child; undefined while it has not, or not all of it. */
export function readSessionIdentity(recordPrefix: string): SessionIdentity | undefined {
  const lines = readText(`${recordPrefix}.pid`)?.split('\n');
  if (!lines || lines.length !== 3 || lines[2] !== '') return undefined;
  const shim = parseStat(lines[0] ?? '');
  const child = parseStat(lines[1] ?? '');
  if (!shim || !child) return undefined;
  return { shim: identityOf(shim), child: identityOf(child) };
}

/** The exit status that the shim wrote; undefined while it has not. */
export function readExit(recordPrefix: string): ExitStatus | undefined {
  const text = readText(`${recordPrefix}.exit`);
  return text === undefined ? undefined : parseExitFile(text);
}

export function removeRecord(recordPrefix: string): void {
  for (const file of [`${recordPrefix}.pid`, `${recordPrefix}.exit`]) if (lstatSync(file, { throwIfNoEntry: false })) rmSync(file, { force: true });
}

function identityOf({ pid, startTime }: ProcessIdentity): ProcessIdentity {
  return { pid, startTime };
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
}
