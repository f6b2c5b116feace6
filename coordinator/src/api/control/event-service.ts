import { limits } from '@wombat/proto';
import { EventServiceService, type EventFilter } from '@wombat/proto/control';
import { findObject } from '../../engine/find-object.js';
import type { Store } from '../../store/store.js';
import { implement, type Service } from '../service.js';
import { followEvents, refuseGone, type EventMatch } from './follow-events.js';
import { eventView } from './views/operation-view.js';

export function eventService({ store }: { readonly store: Store }): Service {
  return implement(EventServiceService, {
    async listEvents(request) {
      const match = await matchOf(store, request.filter);
      const afterSequence = Number(request.afterSequence);
      await refuseGone(store, afterSequence);
      const limit = Math.min(request.limit || limits.pageSizeDefault, limits.pageSizeMaximum);
      const events = await store.read.events.list({ ...match, afterSequence, limit, newest: request.newest });
      return { events: events.map(eventView), lastSequence: BigInt(events.at(-1)?.sequence ?? afterSequence) };
    },
    async *followEvents(request, context) {
      const match = await matchOf(store, request.filter);
      const after = request.afterSequence === undefined ? await store.read.events.lastSequence() : Number(request.afterSequence);
      for await (const event of followEvents(store, match, after, context.signal)) yield { event: eventView(event) };
    },
  });
}

async function matchOf(store: Store, filter: EventFilter | undefined): Promise<EventMatch> {
  return {
    ...(filter?.operation ? { operationId: (await findObject(store.read, 'operations', filter.operation)).id } : {}),
    ...(filter?.family ? { familyId: (await findObject(store.read, 'families', filter.family)).id } : {}),
    ...(filter?.host ? { hostId: (await findObject(store.read, 'hosts', filter.host)).id } : {}),
    ...(filter?.node ? { nodeId: (await findObject(store.read, 'nodes', filter.node)).id } : {}),
    ...(filter?.typePrefix ? { typePrefix: filter.typePrefix } : {}),
  };
}
