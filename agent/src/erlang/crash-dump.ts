import { closeSync, fstatSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { limits } from '@wombat/proto';
import { openPlainFile } from '../logs/plain-file.js';

const fileName = 'erl_crash.dump';
/** The slogan stands in the third line. */
const headBytes = 8 * 1024;

export interface CrashDump {
  readonly file: string;
  /** Why the virtual machine ended, in its own words. */
  readonly slogan: string;
}

/** Has a virtual machine leave its dump where its user may write and no start script reads: each replaces the one before. */
export function crashDumpEnvironment(homeDirectory: string): Record<string, string> {
  return { ERL_CRASH_DUMP: join(homeDirectory, fileName), ERL_CRASH_DUMP_BYTES: String(limits.crashDumpBytes) };
}

/** What a virtual machine left that was started then; undefined when it left none, or only an earlier one did. */
export function readCrashDump(homeDirectory: string, startedAtMs: number): CrashDump | undefined {
  const file = join(homeDirectory, fileName);
  let descriptor: number;
  try {
    descriptor = openPlainFile(file);
  } catch {
    return undefined;
  }
  try {
    // Times of files are a few milliseconds late; a virtual machine takes longer to start.
    if (fstatSync(descriptor).mtimeMs < startedAtMs) return undefined;
    const head = Buffer.alloc(headBytes);
    const size = readSync(descriptor, head, 0, head.length, 0);
    return { file, slogan: sloganOf(head.subarray(0, size).toString('utf8')) };
  } finally {
    closeSync(descriptor);
  }
}

/** It may have several lines; what follows it begins with "System version". Empty when the dump does not say. */
function sloganOf(head: string): string {
  const match = /^=erl_crash_dump:[^\n]*\n[^\n]*\nSlogan: ([^]*?)(?:\nSystem version: |$)/.exec(head);
  return match?.[1]?.trim() ?? '';
}
