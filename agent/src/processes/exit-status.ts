import { constants } from 'node:os';
import type { ExitStatus } from '@wombat/proto/agent';

const lowestSignalStatus = 128;
const highestSignal = 64;

export const unknownExit: ExitStatus = { kind: { $case: 'unknown', value: true } };

export function exitCode(code: number): ExitStatus {
  return { kind: { $case: 'code', value: code } };
}

export function exitSignal(signal: number): ExitStatus {
  return { kind: { $case: 'signal', value: signal } };
}

/** What Node's `exit` event says of a process. */
export function exitOfChild(code: number | null, signal: NodeJS.Signals | null): ExitStatus {
  if (signal !== null) return exitSignal(constants.signals[signal]);
  return code === null ? unknownExit : exitCode(code);
}

/**
 * Reads what the shim wrote: the status, one line, and before it a line like "Killed" when a
 * signal ended the process. The shell says nothing of INT and PIPE, so those are told by number.
 * Without the end of the line it has not been written yet.
 */
export function parseExitFile(text: string): ExitStatus | undefined {
  const match = /^([^]*?)(\d{1,3})\n$/.exec(text);
  if (!match) return undefined;
  const status = Number(match[2]);
  const signal = status - lowestSignalStatus;
  const isSilentSignal = signal === constants.signals.SIGINT || signal === constants.signals.SIGPIPE;
  if (signal > 0 && signal <= highestSignal && (match[1] !== '' || isSilentSignal)) return exitSignal(signal);
  return exitCode(status);
}

export function isSuccess(exit: ExitStatus): boolean {
  return exit.kind?.$case === 'code' && exit.kind.value === 0;
}

export function isKill(exit: ExitStatus): boolean {
  return exit.kind?.$case === 'signal' && exit.kind.value === constants.signals.SIGKILL;
}

/** "exit code 3", "signal SIGKILL", "an unknown exit status". */
export function describeExit(exit: ExitStatus): string {
  if (exit.kind?.$case === 'code') return `exit code ${exit.kind.value}`;
  if (exit.kind?.$case !== 'signal') return 'an unknown exit status';
  const number = exit.kind.value;
  const name = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return `signal ${name ?? number}`;
}
