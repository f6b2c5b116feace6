import { Event, EventServiceService, ListEventsRequest } from '@wombat/proto/control';
import { defineCommand } from '../../command.js';
import { wholeNumber } from '../../options.js';
import { eventFilter, eventFilterOptions } from './filter.js';
import { eventLine } from './view.js';

const pageLimit = 1000;

export const eventList = defineCommand({
  description: 'What has happened, the oldest kept first. Every event has a number; give it with --from to go on after it.',
  examples: [
    { command: 'wo event list --node riak-1', explanation: 'the history of one node' },
    { command: 'wo event list --family web --type node. --from 1200 --limit 50 -o jsonl', explanation: 'a part of it, for a program' },
  ],
  arguments: {},
  options: {
    from: wholeNumber('--from <sequence>', 'after this number; from the oldest kept when left out'),
    limit: wholeNumber('--limit <n>', 'at most so many; 1000 when left out', { minimum: 1 }),
    ...eventFilterOptions,
  },
  async run(runtime, _, { from = 0, limit = pageLimit, ...filter }) {
    const control = await runtime.control();
    const { print } = runtime;
    const items: Event[] = [];
    for (let after = BigInt(from); items.length < limit; ) {
      const request = ListEventsRequest.fromPartial({ afterSequence: after, limit: Math.min(pageLimit, limit - items.length), filter: eventFilter(filter) });
      const answer = await control.call(EventServiceService.listEvents, request);
      items.push(...answer.events);
      if (answer.events.length === 0 || answer.lastSequence <= after) break;
      after = answer.lastSequence;
    }
    if (print.isForPrograms) {
      await print.list({ items: items.map((event) => ({ ...event, metadata: undefined })), columns: [], key: 'events', toJson: (event) => Event.toJSON(event), nothing: '' });
      return;
    }
    for (const event of items) print.data(runtime.flags.quiet ? String(event.sequence) : eventLine(event, print.out));
    if (items.length === 0) print.tell('no such events');
  },
});
