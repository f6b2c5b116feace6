import { Event, EventServiceService, ListEventsRequest, type EventFilter } from '@wombat/proto/control';
import { defineCommand } from '../../command.js';
import type { Control } from '../../control/control.js';
import { wholeNumber } from '../../options.js';
import { eventFilter, eventFilterOptions } from './filter.js';
import { eventLine } from './view.js';

const pageLimit = 1000;
const defaultLimit = 100;

export const eventList = defineCommand({
  description: 'What has happened lately, in its order. Every event has a number; give it with --from to go on after it.',
  examples: [
    { command: 'wo event list --node riak-1', explanation: 'the history of one node' },
    { command: 'wo event list --family web --type node. --from 1200 --limit 50 -o jsonl', explanation: 'a part of it, for a program' },
  ],
  arguments: {},
  options: {
    from: wholeNumber('--from <sequence>', 'the first after this number, instead of the newest; 0 is the oldest kept'),
    limit: wholeNumber('--limit <n>', 'at most so many; 100 when left out', { minimum: 1 }),
    ...eventFilterOptions,
  },
  async run(runtime, _, { from, limit = defaultLimit, ...filter }) {
    const control = await runtime.control();
    const { print } = runtime;
    const items = from === undefined && limit <= pageLimit ? await newest(control, limit, eventFilter(filter)) : await after(control, BigInt(from ?? 0), limit, eventFilter(filter));
    if (print.isForPrograms) {
      await print.list({ items: items.map((event) => ({ ...event, metadata: undefined })), columns: [], key: 'events', toJson: (event) => Event.toJSON(event), nothing: '' });
      return;
    }
    for (const event of items) print.data(runtime.flags.quiet ? String(event.sequence) : eventLine(event, print.out));
    if (items.length === 0) print.tell('no such events');
  },
});

async function newest(control: Control, limit: number, filter: EventFilter): Promise<Event[]> {
  const answer = await control.call(EventServiceService.listEvents, ListEventsRequest.fromPartial({ limit, filter, newest: true }));
  return answer.events;
}

async function after(control: Control, sequence: bigint, limit: number, filter: EventFilter): Promise<Event[]> {
  const items: Event[] = [];
  for (let last = sequence; items.length < limit; ) {
    const request = ListEventsRequest.fromPartial({ afterSequence: last, limit: Math.min(pageLimit, limit - items.length), filter });
    const answer = await control.call(EventServiceService.listEvents, request);
    items.push(...answer.events);
    if (answer.events.length === 0 || answer.lastSequence <= last) break;
    last = answer.lastSequence;
  }
  return items;
}
