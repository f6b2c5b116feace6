const steps: readonly (readonly [limitMs: number, unitMs: number, unit: string])[] = [
  [60_000, 1000, 's'],
  [3_600_000, 60_000, 'm'],
  [86_400_000, 3_600_000, 'h'],
  [Infinity, 86_400_000, 'd'],
];

/** "3m ago" for people; "in 3m" for what is to come; empty for nothing. */
export function relative(time: Date | undefined, nowMs: number): string {
  if (!time) return '';
  const ms = nowMs - time.getTime();
  return ms >= -999 ? `${span(Math.max(0, ms))} ago` : `in ${span(-ms)}`;
}

/** "12s", "3m", "5h", "2d": the largest unit alone. */
export function span(ms: number): string {
  const [, unitMs, unit] = steps.find(([limit]) => ms < limit)!;
  return `${Math.floor(ms / unitMs)}${unit}`;
}

/** "12ms" below a second: for what a command took. */
export function brief(ms: number): string {
  return ms < 1000 ? `${Math.max(0, Math.round(ms))}ms` : elapsed(ms);
}

/** "0.4s", "12.0s", "3m05s": for the elapsed time of work in progress. */
export function elapsed(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`;
}
