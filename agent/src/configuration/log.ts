import { renameSync, statSync } from 'node:fs';
import { pino, type Logger } from 'pino';
import type { LogLevel } from './configuration.js';

/** Two files of this size are kept: the one written, and the one before. */
const largestLogBytes = 10 * 1024 * 1024;
const checkEveryMs = 60_000;

/** The agent's log, one JSON object a line. To standard error, or into a file that is kept small. */
export function openLog(level: LogLevel, file: string | undefined): Logger {
  const options = { level, base: null, timestamp: () => `,"time":"${isoTime(new Date())}"` };
  if (file === undefined) return pino(options, pino.destination({ dest: 2, sync: true }));
  turnOver(file);
  const destination = pino.destination({ dest: file, sync: true, append: true, mode: 0o600 });
  // A full disk must not end the agent for the sake of a line.
  destination.on('error', () => undefined);
  setInterval(() => {
    if (turnOver(file)) destination.reopen();
  }, checkEveryMs).unref();
  return pino(options, destination);
}

/** As `toISOString`, which has V8 load the tables of time zones: 0.9 MB for an agent's whole life. */
export function isoTime(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  return `${day}T${time}.${String(date.getUTCMilliseconds()).padStart(3, '0')}Z`;
}

/** Moves a log that has grown large to `FILE.1`; answers whether it did. */
export function turnOver(file: string): boolean {
  try {
    if (statSync(file).size < largestLogBytes) return false;
    renameSync(file, `${file}.1`);
    return true;
  } catch {
    return false;
  }
}
