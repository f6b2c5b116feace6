/**
 * The states of an agent's session.
 *
 * | state   | what holds                                                        | leaves on |
 * |---------|-------------------------------------------------------------------|-----------|
 * | waiting | no connection; the next try is due after a jittered delay         | try, stop |
 * | opening | connecting, or Hello is sent and neither Welcome nor Refusal came  | welcome, end, stop |
 * | open    | frames go both ways, channels and fetches may run beside them      | end, stop |
 * | closing | our half is ended, what is queued is being written                 | end       |
 * | stopped | for good                                                           |           |
 *
 * `end` is whatever ends the stream: a refusal, an error of the transport or of a frame, or the
 * coordinator's own end.
 */
const transitions = {
  waiting: { try: 'opening', stop: 'stopped' },
  opening: { welcome: 'open', end: 'waiting', stop: 'closing' },
  open: { end: 'waiting', stop: 'closing' },
  closing: { end: 'stopped' },
  stopped: {},
} as const satisfies Record<string, Partial<Record<SessionEvent, string>>>;

export type SessionState = keyof typeof transitions;
export type SessionEvent = 'try' | 'welcome' | 'end' | 'stop';

/** The state after `event`; what the table does not name changes nothing. */
export function advance(state: SessionState, event: SessionEvent): SessionState {
  const next: Partial<Record<SessionEvent, SessionState>> = transitions[state];
  return next[event] ?? state;
}
