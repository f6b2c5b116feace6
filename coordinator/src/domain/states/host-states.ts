import type { HostPhase } from '../model/host.js';
import type { Transitions } from './machine.js';

/**
 * requested  the intent is stored, the provider has not been asked, or is asked again later
 * creating   the provider has been asked and has not answered
 * booting    the machine is there, its agent has no session yet
 * up         its agent has a session
 * unknown    it had one, and is silent
 * lost       silent for so long that it is not waited for; its nodes may be deployed elsewhere
 * draining   nothing is placed on it any more, its nodes go; what it goes on with after a silence
 * destroying the provider is asked to take it away
 * gone       the machine is no more; the row is history
 * failed     it could not be created, did not enrol in time, or its machine is not there any more
 */
export const hostTransitions: Transitions<HostPhase> = {
  requested: ['creating', 'up', 'destroying', 'failed', 'gone'],
  creating: ['booting', 'up', 'requested', 'failed', 'destroying'],
  booting: ['up', 'failed', 'destroying'],
  up: ['unknown', 'draining', 'destroying'],
  unknown: ['up', 'lost', 'draining', 'destroying', 'failed'],
  lost: ['up', 'draining', 'destroying', 'failed'],
  draining: ['unknown', 'destroying', 'up', 'failed'],
  destroying: ['gone'],
  gone: [],
  failed: ['up', 'destroying', 'gone'],
};

/** Nodes may be placed on it, now or once it is up. */
export const acceptingPhases: readonly HostPhase[] = ['requested', 'creating', 'booting', 'up'];

/** Its agent had a session and has none. */
export const silentPhases: readonly HostPhase[] = ['unknown', 'lost'];

/** Nobody there answers, and nobody is about to. */
export const unreachablePhases: readonly HostPhase[] = [...silentPhases, 'failed', 'destroying'];

/** There is, or may be, a machine. */
export const presentHostPhases: readonly HostPhase[] = (Object.keys(hostTransitions) as HostPhase[]).filter((phase) => phase !== 'gone');
