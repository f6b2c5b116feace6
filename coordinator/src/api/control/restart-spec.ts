import { durationToMs, WombatError } from '@wombat/proto';
import { RestartMode as RestartNumber, type RestartSpec as RestartMessage } from '@wombat/proto/control';
import type { RestartMode, RestartSpec } from '../../domain/model/family.js';

const modes: Readonly<Partial<Record<RestartNumber, RestartMode>>> = {
  [RestartNumber.ALWAYS]: 'always', [RestartNumber.ON_FAILURE]: 'on_failure', [RestartNumber.NEVER]: 'never',
};

/** What is said replaces what was so before. @throws WombatError WO_INVALID_ARGUMENT */
export function changedRestart(said: RestartMessage | undefined, before: RestartSpec): RestartSpec {
  return { ...before, ...(said ? saidRestart(said) : {}) };
}

/** What is said. @throws WombatError WO_INVALID_ARGUMENT */
export function saidRestart({ mode: number, tries, interval, delay }: RestartMessage): Partial<RestartSpec> {
  const mode = modes[number];
  if (!mode && number !== RestartNumber.UNSPECIFIED) throw new WombatError('WO_INVALID_ARGUMENT', `there is no restart mode ${number}`, { hint: 'give always, on-failure or never' });
  const [intervalMs, delayMs] = [positiveMs('restart interval', interval), positiveMs('restart delay', delay)];
  return { ...(mode ? { mode } : {}), ...(tries === undefined ? {} : { tries }), ...(intervalMs === undefined ? {} : { intervalMs }), ...(delayMs === undefined ? {} : { delayMs }) };
}

/** @throws WombatError WO_INVALID_ARGUMENT when it is said and lies in the past */
export function positiveMs(what: string, duration: Parameters<typeof durationToMs>[0]): number | undefined {
  const ms = durationToMs(duration);
  if (ms !== undefined && ms < 0) throw new WombatError('WO_INVALID_ARGUMENT', `the ${what} is less than nothing: ${ms} ms`, { hint: 'give a time like 30s or 15m' });
  return ms;
}
