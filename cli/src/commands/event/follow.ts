import { backoffMs, WombatError } from '@wombat/proto';
import { Event, EventServiceService, FollowEventsRequest, GetVersionRequest, SystemServiceService } from '@wombat/proto/control';
import { defineCommand } from '../../command.js';
import { readWholeNumber, text } from '../../options.js';
import type { Runtime } from '../../runtime.js';
import { eventFilter, eventFilterOptions } from './filter.js';
import { eventLine } from './view.js';

export const eventFollow = defineCommand({
  description: 'Shows events as they happen, until Ctrl-C. When the coordinator goes away it waits for it and goes on after the last one shown.',
  timeoutHelp: 'stop after so long',
  examples: [
    { command: 'wo event follow --family "Riak node family"', explanation: 'from now on' },
    { command: 'wo event follow --from start -o jsonl', explanation: 'everything that is kept, then what comes, as JSON' },
  ],
  arguments: {},
  options: { from: text('--from <sequence>', 'after this number, or "start"; from now on when left out'), ...eventFilterOptions },
  async run(runtime, _, { from, ...filter }) {
    const first = from === undefined ? undefined : from === 'start' ? 0n : BigInt(readWholeNumber(from, '--from'));
    await follow(runtime, first, eventFilter(filter));
  },
});

async function follow(runtime: Runtime, first: bigint | undefined, filter: ReturnType<typeof eventFilter>): Promise<void> {
  const control = await runtime.control();
  const { print } = runtime;
  const { timeout } = runtime.flags;
  const endsAt = timeout === undefined ? undefined : runtime.clock.monotonic() + timeout;
  let after = first;
  // Where nobody answers, or the context is wrong, it fails here; whatever breaks later is waited for.
  await control.call(SystemServiceService.getVersion, GetVersionRequest.fromPartial({}));
  for (let attempt = 0; ; attempt++) {
    const left = endsAt === undefined ? {} : { timeoutMs: Math.max(1, endsAt - runtime.clock.monotonic()) };
    try {
      const request = FollowEventsRequest.fromPartial({ filter, ...(after !== undefined && { afterSequence: after }) });
      for await (const { event } of control.stream(EventServiceService.followEvents, request, left)) {
        if (!event) continue;
        attempt = 0;
        after = event.sequence;
        print.data(print.isForPrograms ? JSON.stringify(Event.toJSON(event)) : eventLine(event, print.out));
      }
    } catch (error) {
      if (endsAt !== undefined && runtime.clock.monotonic() >= endsAt - 1) return;
      const mayPass = WombatError.is(error) && (error.code === 'WO_COORDINATOR_UNREACHABLE' || error.code === 'WO_UNAVAILABLE');
      if (!mayPass) throw error;
    }
    if (attempt === 0) print.tell(`the coordinator went away${after === undefined ? '; what happens before it is back is not shown, --from shows it' : ''}`);
    await runtime.clock.sleep(backoffMs(attempt, { initialMs: 200, maximumMs: 5_000 }), runtime.signal);
  }
}
