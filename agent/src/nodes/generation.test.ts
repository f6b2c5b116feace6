import { durationFromMs, newId } from '@wombat/proto';
import { NodePhase } from '@wombat/proto/agent';
import t, { type Test } from 'tap';
import { TestHost, assignment, nodeSpec } from './testing/host.js';

async function hostWith(t: Test, scripts: Readonly<Record<string, string>> = {}): Promise<TestHost> {
  const host = new TestHost(scripts);
  await host.start();
  t.teardown(() => host.end());
  return host;
}

t.test('a restart is never told as done while the old process is the one that runs', async (t) => {
  const host = await hostWith(t);
  const nodeId = newId('node');
  await host.assign(assignment(nodeId));
  const old = await host.reaches(nodeId, NodePhase.READY);
  await host.assign(assignment(nodeId, { generation: 2n, restartGeneration: 1n }));
  // As a session would that opens in this very moment.
  host.statuses.push(host.status(nodeId)!);
  const fresh = await host.reaches(nodeId, NodePhase.READY, ({ generation }) => generation === 2n);
  t.not(fresh.startId, old.startId);
  const early = host.statuses.filter(({ generation, phase, startId }) => generation === 2n && phase === NodePhase.READY && startId === old.startId);
  t.strictSame(early, [], 'ready for the new generation means the new process');
});

t.test('a start that fails while something newer is asked for is the failure of the old generation only', async (t) => {
  // Deaf to TERM, so that there is time between the failure and its end.
  const host = await hostWith(t, { 'bin/run': '#!/bin/sh\ntrap "" TERM\nwhile :; do sleep 0.02; done\n' });
  const nodeId = newId('node');
  const runs = { termTimeout: durationFromMs(400), readyTimeout: durationFromMs(100) };
  const neverReady = nodeSpec({ runs: { ...runs, ready: { kind: { $case: 'action', value: { kind: { $case: 'command', value: { argv: ['false'], environment: {}, settings: undefined } } } } } } });
  await host.assign(assignment(nodeId, { spec: neverReady }));
  await host.reaches(nodeId, NodePhase.STOPPING);
  await host.assign(assignment(nodeId, { generation: 2n, spec: nodeSpec({ runs }) }));
  await host.reaches(nodeId, NodePhase.READY, ({ generation }) => generation === 2n);
  t.ok(host.statuses.some(({ generation, phase }) => generation === 1n && phase === NodePhase.FAILED), 'the first generation did fail');
  t.notOk(host.statuses.some(({ generation, phase }) => generation === 2n && phase === NodePhase.FAILED), 'the second did not');
});

t.test('what an earlier agent left is told under its generation once it was looked at', async (t) => {
  const host = await hostWith(t);
  const nodeId = newId('node');
  await host.assign(assignment(nodeId, { generation: 3n }));
  const before = await host.reaches(nodeId, NodePhase.READY);
  await host.restart();
  const after = await host.reaches(nodeId, NodePhase.READY, ({ generation }) => generation === 3n);
  t.equal(after.startId, before.startId, 'the process runs on');
});
