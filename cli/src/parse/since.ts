import { durationFromMs } from '@wombat/proto';
import type { LogStart } from '@wombat/proto/types';
import { UsageError } from '../usage-error.js';
import { parseDurationMs } from './duration.js';

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)$/;

/** "10m", ago, or a time as RFC 3339 writes it. */
export function parseSince(given: string, name: string): NonNullable<LogStart['since']> {
  if (!/^\d{4}-/.test(given)) return { $case: 'ago', value: durationFromMs(parseDurationMs(given, name)) };
  const time = new Date(given);
  if (!rfc3339.test(given) || Number.isNaN(time.getTime())) throw new UsageError(`${name} wants a time like 2026-01-31T12:00:00Z, or so long ago like 10m: ${JSON.stringify(given)}`);
  return { $case: 'time', value: time };
}
