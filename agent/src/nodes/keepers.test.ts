import { newId } from '@wombat/proto';
import { DesiredState, NodePhase } from '@wombat/proto/agent';
import t, { type Test } from 'tap';
import { TestHost, assignment } from './testing/host.js';

/** Timers that fire again and again, at least once a minute. */
function watchIntervals(t: Test): () => number {
  const { setInterval: set, clearInterval: clear } = globalThis;
  const running = new Set<unknown>();
  globalThis.setInterval = ((work: () => void, ms: number) => {
    const timer = set(work, ms);
    if (ms <= 60_000) running.add(timer);
    return timer;
  }) as typeof set;
  globalThis.clearInterval = ((timer: NodeJS.Timeout) => {
    running.delete(timer);
    clear(timer);
  }) as typeof clear;
  t.teardown(() => Object.assign(globalThis, { setInterval: set, clearInterval: clear }));
  return () => running.size;
}

t.test('an agent without nodes does nothing every few seconds', async (t) => {
  const intervals = watchIntervals(t);
  const host = new TestHost();
  t.teardown(() => host.end());
  await host.start();
  t.equal(intervals(), 0, 'before the first node');
  const nodeId = newId('node');
  await host.assign(assignment(nodeId));
  await host.reaches(nodeId, NodePhase.READY);
  t.ok(intervals() >= 2, 'logs and epmd are looked after');
  await host.restart();
  t.ok(intervals() >= 2, 'by the next agent, too');
  await host.assign(assignment(nodeId, { generation: 2n, desired: DesiredState.ABSENT, spec: undefined }));
  await host.reaches(nodeId, NodePhase.ABSENT);
  t.equal(intervals(), 0, 'after the last');
});
