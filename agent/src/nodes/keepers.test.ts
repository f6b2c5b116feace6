import { newId } from '@wombat/proto';
import { DesiredState, NodePhase } from '@wombat/proto/agent';
import t, { type Test } from 'tap';
import { until } from '../testing/until.js';
import { TestHost, assignment } from './testing/host.js';

/** Timers that are set for one to sixty seconds: what is done every few seconds has one nearly all the time. */
function watchTimers(t: Test): () => number {
  const { setInterval: every, clearInterval: endEvery, setTimeout: once, clearTimeout: endOnce } = globalThis;
  const running = new Set<unknown>();
  const note = <T>(timer: T, ms: number | undefined): T => {
    if (ms !== undefined && ms >= 1_000 && ms <= 60_000) running.add(timer);
    return timer;
  };
  const forget = (end: (timer: NodeJS.Timeout) => void) => (timer: NodeJS.Timeout) => {
    running.delete(timer);
    end(timer);
  };
  const timeout = (work: () => void, ms?: number): NodeJS.Timeout => {
    const timer: NodeJS.Timeout = once(() => (running.delete(timer), work()), ms);
    return note(timer, ms);
  };
  Object.assign(globalThis, { setInterval: (work: () => void, ms: number) => note(every(work, ms), ms), clearInterval: forget(endEvery), setTimeout: timeout, clearTimeout: forget(endOnce) });
  t.teardown(() => Object.assign(globalThis, { setInterval: every, clearInterval: endEvery, setTimeout: once, clearTimeout: endOnce }));
  return () => running.size;
}

t.test('an agent without nodes does nothing every few seconds', async (t) => {
  const timers = watchTimers(t);
  const host = new TestHost();
  t.teardown(() => host.end());
  await host.start();
  t.equal(timers(), 0, 'before the first node');
  const nodeId = newId('node');
  await host.assign(assignment(nodeId));
  await host.reaches(nodeId, NodePhase.READY);
  await until(() => timers() >= 2, 'logs and epmd to be looked after');
  await host.restart();
  await until(() => timers() >= 2, 'the next agent to look after them, too');
  await host.assign(assignment(nodeId, { generation: 2n, desired: DesiredState.ABSENT, spec: undefined }));
  await host.reaches(nodeId, NodePhase.ABSENT);
  await until(() => timers() === 0, 'nothing to be done every few seconds any more');
});
