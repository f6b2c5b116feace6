import type { Event } from '@wombat/proto/control';
import { sanitise } from '../../output/sanitise.js';
import type { Colours } from '../../terminal/colours.js';

/** "2026-01-02T03:04:05.678Z  #17  node.phase  riak-1 is running" */
export function eventLine(event: Event, colours: Colours): string {
  const time = event.time?.toISOString() ?? '';
  const subject = event.subjectName || event.subjectId;
  const message = event.message.includes(subject) ? event.message : `${subject}: ${event.message}`;
  const said = sanitise(message);
  const isBad = event.reason.startsWith('WO_') || event.reason === 'failed';
  return `${colours.dim(`${time}  ${`#${event.sequence}`.padEnd(6)}`)}  ${sanitise(event.type).padEnd(20)}  ${isBad ? colours.red(said) : said}`;
}
