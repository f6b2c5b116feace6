import type { Clock } from '@wombat/proto';
import type { Host } from '../../domain/model/host.js';

/** Between two lists in which a machine is looked for. */
export const lookEveryMs = 5_000;

/** A list has shown nothing: milliseconds until a machine that nobody answered for can no more appear; 0: it cannot. */
export function mayAppearForMs(clock: Clock, host: Pick<Host, 'unansweredSince'>, appearsWithinMs: number): number {
  return host.unansweredSince === undefined ? 0 : Math.max(0, host.unansweredSince + appearsWithinMs - clock.now());
}

/** What says nothing about whether a machine was made. All else is an answer: none was. */
export function isNoAnswer(code: string): boolean {
  return code === 'WO_PROVIDER_UNAVAILABLE' || code === 'WO_DEADLINE_EXCEEDED' || code === 'WO_INTERNAL';
}
