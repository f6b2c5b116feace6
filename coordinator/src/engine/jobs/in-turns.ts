import { setImmediate } from 'node:timers/promises';
import type { Collection, Kind, Kinds, Where } from '../../store/store.js';

/** A few milliseconds of reading. */
const rowsPerTurn = 100;
const turnMs = 10;

/** Of thousands of objects some at a time, in the order of their making; sessions and other calls come in between. */
export async function* inTurns<K extends Kind>(collection: Collection<K>, where: Where<K>): AsyncGenerator<readonly Kinds[K][]> {
  yield* theseInTurns(collection, await collection.ids(where));
}

/** Those of these ids that there are, in their order. */
export async function* theseInTurns<K extends Kind>(collection: Collection<K>, ids: readonly string[]): AsyncGenerator<readonly Kinds[K][]> {
  for (let start = 0; start < ids.length; start += rowsPerTurn) {
    const some = ids.slice(start, start + rowsPerTurn);
    const byId = new Map((await collection.many(some)).map((object) => [object.id, object]));
    yield some.flatMap((id) => byId.get(id) ?? []);
    await setImmediate();
  }
}

/** For work whose parts take a time that nobody knows: lets the event loop turn when it was held for long enough. */
export class Turns {
  #sinceMs = performance.now();

  async take(): Promise<void> {
    if (performance.now() - this.#sinceMs < turnMs) return;
    await setImmediate();
    this.#sinceMs = performance.now();
  }
}
