import type { Provider } from '../../domain/model/provider.js';
import type { NewEvent } from '../../domain/model/event.js';
import type { NewObject, Store } from '../store.js';

/** `prv-` and twelve digits. */
export function provider(number: number, name = `name ${number}`, fields: Partial<NewObject<Provider>> = {}): NewObject<Provider> {
  return {
    id: `prv-${String(number).padStart(12, '0')}`, name, generation: 1, observedGeneration: 0, driver: 'local', settings: { a: 1 }, sealedSecrets: {}, identity: '', ...fields,
  };
}

export function event(type = 'x', fields: Partial<NewEvent> = {}): NewEvent {
  return { type, subjectId: 's', subjectName: 's', reason: 'r', message: 'm', ...fields };
}

/** Sequence number and type of every event. */
export async function told(store: Store): Promise<[number, string][]> {
  return (await store.read.events.list({ afterSequence: 0, limit: 100_000 })).map(({ sequence, type }) => [sequence, type]);
}
