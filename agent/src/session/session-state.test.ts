import t from 'tap';
import { advance, type SessionEvent, type SessionState } from './session-state.js';

const states: SessionState[] = ['waiting', 'opening', 'open', 'closing', 'stopped'];
const events: SessionEvent[] = ['try', 'welcome', 'end', 'stop'];

t.test('every state and every event', async (t) => {
  const table = Object.fromEntries(states.map((state) => [state, events.map((event) => advance(state, event))]));
  t.same(table, {
    waiting: ['opening', 'waiting', 'waiting', 'stopped'],
    opening: ['opening', 'open', 'waiting', 'closing'],
    open: ['open', 'open', 'waiting', 'closing'],
    closing: ['closing', 'closing', 'stopped', 'closing'],
    stopped: ['stopped', 'stopped', 'stopped', 'stopped'],
  }, 'the table holds, and what it does not name changes nothing');
});
