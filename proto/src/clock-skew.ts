import { WombatError } from './errors/wombat-error.js';

/** Clocks this far apart are reported; more than this is an error, as certificates are judged by the clock. */
export const toleratedClockSkewMs = 5 * 60_000;

export function isSkewed(skewMs: number): boolean {
  return Math.abs(skewMs) > toleratedClockSkewMs;
}

/** WO_CLOCK_SKEW with the offset that was measured; `skewMs` above 0: the clock is ahead of the coordinator's. */
export function clockSkewError(whose: string, skewMs: number, cause?: unknown): WombatError {
  const message = `${whose} is ${spoken(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead of' : 'behind'} the coordinator's`;
  return new WombatError('WO_CLOCK_SKEW', message, { details: { skewMs: String(Math.round(skewMs)) }, ...(cause === undefined ? {} : { cause }) });
}

/** "1 h 0 min", "7 min 12 s", "3 d 4 h": the two largest units. */
function spoken(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const units: readonly (readonly [number, string])[] = [[Math.floor(seconds / 86_400), 'd'], [Math.floor(seconds / 3_600) % 24, 'h'], [Math.floor(seconds / 60) % 60, 'min'], [seconds % 60, 's']];
  const found = units.findIndex(([amount]) => amount > 0);
  const first = found === -1 ? units.length - 1 : found;
  return units.slice(first, first + 2).map(([amount, unit]) => `${amount} ${unit}`).join(' ');
}
