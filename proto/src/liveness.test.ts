import t from 'tap';
import { liveness } from './liveness.js';

const { beatMs, silentAfterMs, lookMs, pingAfterMs, pingAnswerMs, reconnectGraceMs } = liveness;
/** Of the 15 s that are promised. */
const withinMs = 14_000;

t.test('whichever way packets are lost, the sum of the waits is within what is promised', async (t) => {
  t.ok(silentAfterMs + lookMs <= withinMs, 'an agent that is not heard');
  t.ok(pingAfterMs + pingAnswerMs + reconnectGraceMs <= withinMs, 'an agent that hears nothing');
});

t.test('nobody is given up too soon', async (t) => {
  t.ok(silentAfterMs >= 3 * beatMs, 'two beats in a row may be lost');
  t.ok(pingAnswerMs > 5_000, 'a coordinator that is busy for 5 s answers in time');
});
