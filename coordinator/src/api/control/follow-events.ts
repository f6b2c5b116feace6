import { WombatError } from '@wombat/proto';
import type { Event } from '../../domain/model/event.js';
import type { EventQuery, Store } from '../../store/store.js';

export type EventMatch = Omit<EventQuery, 'afterSequence' | 'limit'>;

const batch = 500;

/**
 * Every event after a sequence number, then live ones, in order and without a gap: the log itself is
 * read again at each commit that has events, so nothing can be missed between the two.
 */
export async function* followEvents(store: Store, match: EventMatch, afterSequence: number, signal: AbortSignal): AsyncGenerator<Event> {
  await refuseGone(store, afterSequence);
  let after = afterSequence;
  let wake = (): void => undefined;
  let pending = true;
  const unsubscribe = store.onCommit((commit) => {
    if (commit.events.length === 0) return;
    pending = true;
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    while (!signal.aborted) {
      if (!pending) await new Promise<void>((resolve) => (wake = resolve));
      pending = false;
      while (!signal.aborted) {
        // Read first: everything up to it is seen by the list that follows.
        const committed = await store.read.events.lastSequence();
        const events = await store.read.events.list({ ...match, afterSequence: after, limit: batch });
        for (const event of events) yield event;
        after = events.at(-1)?.sequence ?? after;
        if (events.length === batch) continue;
        // What does not match is passed over for good, not searched through again at each commit.
        after = Math.max(after, committed);
        break;
      }
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    unsubscribe();
  }
}

/** @throws WombatError WO_EVENTS_GONE when events after the number asked for were dropped */
export async function refuseGone(store: Store, afterSequence: number): Promise<void> {
  const oldest = await store.read.events.oldestKept();
  if (oldest <= 1 || afterSequence >= oldest - 1 || afterSequence === 0) return;
  throw new WombatError('WO_EVENTS_GONE', `the oldest event kept is ${oldest}`, { details: { oldest: String(oldest) } });
}
