import { UsageError } from '../usage-error.js';

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "500ms", "30s", "1h30m"; a bare number is seconds. The result is above 0. */
export function parseDurationMs(text: string, name = 'a duration'): number {
  const bad = new UsageError(`${name} wants a duration such as 30s, 5m or 1h30m: ${JSON.stringify(text)}`);
  if (/^\d+(\.\d+)?$/.test(text)) return positive(Number(text) * 1000, bad);
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) throw bad;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) sum += Number(amount) * unitMs[unit!]!;
  return positive(sum, bad);
}

function positive(ms: number, bad: UsageError): number {
  if (ms <= 0 || ms > 365 * unitMs['d']!) throw bad;
  return Math.round(ms);
}
