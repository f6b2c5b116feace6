import { WombatError } from '@wombat/proto';
import type { FollowEventsRequest } from '@wombat/proto/control';

const known = ['after', 'operation', 'family', 'host', 'node', 'type'] as const;
type Name = (typeof known)[number];

/**
 * `GET /v1/events?after=SEQ&family=...`. Last-Event-ID, which browsers send when they connect again,
 * wins over `after`; without either the stream begins now.
 * @throws WombatError WO_INVALID_ARGUMENT, also for anything unknown: a token has no place in a URL
 */
export function eventsQuery(query: unknown, lastEventId: string | string[] | undefined): FollowEventsRequest {
  const given = query as Readonly<Record<string, string | string[]>>;
  for (const name of Object.keys(given)) {
    if (!(known as readonly string[]).includes(name)) throw new WombatError('WO_INVALID_ARGUMENT', `the query knows ${known.join(', ')} only`);
  }
  const text = (name: Name): string => {
    const value = given[name] ?? '';
    if (typeof value !== 'string') throw new WombatError('WO_INVALID_ARGUMENT', `${name} may be given once`);
    return value;
  };
  const after = typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : text('after');
  if (!/^\d{0,19}$/.test(after)) throw new WombatError('WO_INVALID_ARGUMENT', 'the number of an event is a whole number');
  return {
    afterSequence: after === '' ? undefined : BigInt(after),
    filter: { operation: text('operation'), family: text('family'), host: text('host'), node: text('node'), typePrefix: text('type') },
  };
}
