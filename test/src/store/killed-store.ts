import { systemClock } from '@wombat/proto';
import type { PostgresAddress } from '../../../coordinator/dist/store/postgres/address.js';
import { openPostgresStore } from '../../../coordinator/dist/store/postgres/open.js';
import { openSqliteStore } from '../../../coordinator/dist/store/sqlite/open.js';
import type { Store } from '../../../coordinator/dist/store/store.js';

/** Where the store of a test lies that is killed again and again; passed to its writer as JSON. */
export type KilledPlace = { readonly file: string } | { readonly address: PostgresAddress; readonly password: string };

export function openKilled(place: KilledPlace): Promise<Store> {
  if ('file' in place) return openSqliteStore({ file: place.file, clock: systemClock });
  return openPostgresStore({ ...place, clock: systemClock, patienceMs: 60_000 });
}

/** Transaction `number` writes so many objects and as many events, all of them marked with its number. */
export function sizeOf(number: number): number {
  return (number % 4) + 1;
}

/** Name of the counter that each transaction moves by one. */
export const counter = 'killed';

/**
 * Judges what is there after a kill. Whatever was acknowledged must be there; whatever is there must be whole.
 * @throws Error that tells what is not as it should be; answers the largest number that is there
 */
export async function judge(store: Store, acknowledged: ReadonlySet<number>): Promise<number> {
  const objects = countBy((await store.read.providers.find({})).map(({ settings }) => Number(settings['number'])));
  const log = await store.read.events.list({ afterSequence: 0, limit: 1_000_000 });
  const events = countBy(log.map(({ payload }) => Number(payload['number'])));
  for (const number of acknowledged) if (!objects.has(number)) throw new Error(`transaction ${number} was acknowledged and is lost`);
  for (const number of new Set([...objects.keys(), ...events.keys()])) {
    const [inObjects, inEvents] = [objects.get(number), events.get(number)];
    if (inObjects !== sizeOf(number) || inEvents !== sizeOf(number)) throw new Error(`of transaction ${number} there are ${inObjects} objects and ${inEvents} events, not ${sizeOf(number)}`);
  }
  const gap = log.findIndex(({ sequence }, index) => sequence !== index + 1);
  if (gap >= 0) throw new Error(`event ${log[gap]!.sequence} stands in place ${gap + 1}`);
  const counted = Number((await store.read.meta.get(counter)) ?? 0);
  if (counted !== objects.size) throw new Error(`${objects.size} transactions are there, and they have counted to ${counted}`);
  return Math.max(0, ...objects.keys());
}

function countBy(numbers: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1);
  return counts;
}
