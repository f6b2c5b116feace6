import type { AgentUpdateTerms } from '../model/agent-update.js';
import type { StepState } from '../model/operation.js';

export type AgentStep =
  /** Places in the plan. */
  | { readonly kind: 'begin'; readonly places: readonly number[] }
  | { readonly kind: 'wait' }
  /** Nothing is under way any more, and nothing more is begun. */
  | { readonly kind: 'end' };

/**
 * Whose agents are updated next, by where each entry of the plan stands. The first `canary` come alone. After a failure or a
 * wish to cancel no further one is begun; those under way are waited for, so that the end tells what holds.
 */
export function nextAgents(states: readonly StepState[], { canary, atOnce }: Pick<AgentUpdateTerms, 'canary' | 'atOnce'>, isCancelled: boolean): AgentStep {
  const active = states.filter((state) => state === 'active').length;
  const canariesLeft = states.slice(0, canary).some((state) => state === 'waiting' || state === 'active');
  const waiting = [...states.keys()].filter((place) => states[place] === 'waiting' && (!canariesLeft || place < canary));
  if (isCancelled || states.includes('failed') || waiting.length === 0) return active > 0 ? { kind: 'wait' } : { kind: 'end' };
  const places = waiting.slice(0, Math.max(0, (canariesLeft ? canary : atOnce) - active));
  return places.length > 0 ? { kind: 'begin', places } : { kind: 'wait' };
}
