import { FailureKind, ProviderError, tagNames } from '@wombat/plugin-sdk';
import type { Target } from './inventory.js';
import type { Seen } from './survey.js';

const namesTold = 3;

/** Why none of these machines can be had. Trying again is of no use before somebody gives one back, or mends one. */
export function noMachine(seen: readonly Seen[], clusterId: string): ProviderError {
  const errors = seen.flatMap(({ error }) => error ?? []);
  const taken = seen.flatMap(({ sight }) => (sight?.kind === 'host' ? [sight.host.tags[tagNames.cluster] === clusterId] : []));
  const parts = [
    count(taken.filter((isOurs) => isOurs).length, 'is a host', 'are hosts'),
    count(taken.filter((isOurs) => !isOurs).length, 'belongs to another coordinator', 'belong to other coordinators'),
    count(seen.filter(({ sight }) => sight?.kind === 'foreign').length, 'has an agent that was installed by hand', 'have agents that were installed by hand'),
    count(seen.filter(({ sight }) => sight?.kind === 'free').length, 'was taken a moment ago', 'were taken a moment ago'),
    count(errors.length, 'cannot be used', 'cannot be used'),
  ].filter((part) => part !== '');
  const reasons = errors.slice(0, namesTold).map(({ message }) => message);
  const text = `no machine is free: of ${seen.length} ${parts.join(', ')}${reasons.length === 0 ? '' : ` (${reasons.join('; ')})`}`;
  if (errors.length === seen.length && errors.every(({ kind }) => kind === FailureKind.AUTH)) return ProviderError.auth(text);
  return errors.length === 0 ? ProviderError.quota(text) : new ProviderError(FailureKind.CAPACITY, text, { mayRetry: false });
}

/** @throws ProviderError invalid when the inventory has no machine there at all */
export function inPlace(targets: readonly Target[], region: string, zone: string): readonly Target[] {
  const ofRegion = targets.filter((target) => region === '' || target.region === region);
  if (ofRegion.length === 0) throw ProviderError.invalid('region', `there are machines in ${list(targets.map((target) => target.region))}`);
  const ofZone = ofRegion.filter((target) => zone === '' || target.zone === zone);
  if (ofZone.length > 0) return ofZone;
  const zones = list(ofRegion.map((target) => target.zone));
  throw ProviderError.invalid('zone', zones === '' ? 'no machine of the inventory says its zone' : `there are machines in ${zones}`);
}

function list(values: readonly string[]): string {
  return [...new Set(values)].filter((value) => value !== '').sort().slice(0, 20).join(', ');
}

function count(amount: number, one: string, more: string): string {
  return amount === 0 ? '' : `${amount} ${amount === 1 ? one : more}`;
}
