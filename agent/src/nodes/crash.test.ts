import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { durationFromMs, newId } from '@wombat/proto';
import { Assignments, DesiredState, NodePhase } from '@wombat/proto/agent';
import t from 'tap';
import { until } from '../testing/until.js';
import { TestHost, assignment, nodeSpec, processesOf } from './testing/host.js';

/** The same numbers in each run, so that a failure comes again. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
}

/** Real children of the host, without the shims: one for each node that runs. */
function nodesRunning(host: TestHost): string[] {
  return processesOf(host.hostId)
    .filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'sleep')
    .map((pid) => /WOMBAT_NODE_ID=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, 'latin1'))?.[1] ?? '');
}

/** How often it is killed. */
const rounds = process.env['WOMBAT_TEST_FULL'] ? 24 : 6;

t.test('an agent killed again and again, at any instruction, starts no node twice and loses none', async (t) => {
  const host = new TestHost();
  const random = numbers(7);
  const nodeIds = Array.from({ length: 6 }, () => newId('node'));
  const wanted = nodeIds.map((nodeId) => assignment(nodeId));
  const frame = Buffer.from(Assignments.encode({ syncId: 1n, assignments: wanted, fullSync: true, first: true, last: true }).finish()).toString('base64');
  const program = fileURLToPath(new URL('testing/agent-process.js', import.meta.url));
  const run = (): ChildProcess => spawn(process.execPath, [program, host.agentDirectory, host.hostId, host.tree, frame], { stdio: ['ignore', 'pipe', 'inherit'] });
  for (let round = 0; round < rounds; round++) {
    const agent = run();
    await once(agent.stdout!, 'data');
    await new Promise((resolve) => setTimeout(resolve, random() * (round < rounds * 2 / 3 ? 40 : 200)));
    agent.kill('SIGKILL');
    await once(agent, 'exit');
  }
  await host.start();
  t.teardown(() => host.end());
  await host.assign(...wanted);
  for (const nodeId of nodeIds) await host.reaches(nodeId, NodePhase.READY);
  await until(() => nodesRunning(host).length >= nodeIds.length, 'all to be what they become');
  t.strictSame(nodesRunning(host).sort(), [...nodeIds].sort(), 'each node runs once');
  t.strictSame(host.core.statuses().map(({ restarts }) => restarts), nodeIds.map(() => 0), 'none had to be started again');
  const leftovers = nodeIds.flatMap((nodeId) => readdirSync(join(host.agentDirectory, 'nodes', nodeId)));
  t.strictSame([...new Set(leftovers)].sort(), ['data', 'home', 'logs', 'root', 'run']);
});

t.test('whatever is wanted in whatever order, the last word counts', async (t) => {
  const host = new TestHost({ 'bin/short': '#!/bin/sh\nexec sleep 0.03\n', 'bin/bad': '#!/bin/sh\nexit 1\n' });
  await host.start();
  t.teardown(() => host.end());
  const random = numbers(11);
  const nodeId = newId('node');
  const familyId = newId('fam');
  const spec = (start: string): ReturnType<typeof nodeSpec> => ({ ...nodeSpec({ runs: { start: [start], ready: { kind: { $case: 'aliveFor', value: durationFromMs(5) } } } }), familyId });
  const desires = [DesiredState.RUNNING, DesiredState.RUNNING, DesiredState.STOPPED, DesiredState.ABSENT] as const;
  let generation = 0n;
  const ask = (desired: DesiredState, start: string): Promise<void> =>
    host.assign(assignment(nodeId, { generation: ++generation, desired, spec: desired === DesiredState.ABSENT ? undefined : spec(start) }));
  for (let round = 0; round < 80; round++) {
    await ask(desires[Math.floor(random() * desires.length)]!, ['bin/run', 'bin/short', 'bin/bad'][Math.floor(random() * 3)]!);
    await new Promise((resolve) => setTimeout(resolve, random() * 40));
    if (round % 20 === 19) await host.restart();
  }
  await ask(DesiredState.RUNNING, 'bin/run');
  await host.reaches(nodeId, NodePhase.READY, (status) => status.generation === generation);
  await until(() => nodesRunning(host).join() === nodeId && processesOf(host.hostId).length === 2, 'one node with its shim to be left');
  await ask(DesiredState.ABSENT, '');
  await host.reaches(nodeId, NodePhase.ABSENT);
  await until(() => processesOf(host.hostId).length === 0, 'no process to be left');
  t.notOk(existsSync(join(host.agentDirectory, 'nodes', nodeId)));
});

t.test('stopped and run again without any other change', async (t) => {
  const host = new TestHost();
  await host.start();
  t.teardown(() => host.end());
  const nodeId = newId('node');
  const spec = nodeSpec();
  await host.assign(assignment(nodeId, { spec }));
  await host.reaches(nodeId, NodePhase.READY);
  await host.assign(assignment(nodeId, { spec, generation: 2n, desired: DesiredState.STOPPED }));
  await host.reaches(nodeId, NodePhase.STOPPED);
  await host.restart();
  t.equal(host.status(nodeId)?.phase, NodePhase.STOPPED);
  await host.assign(assignment(nodeId, { spec, generation: 3n }));
  t.equal((await host.reaches(nodeId, NodePhase.READY)).restarts, 0);
  t.equal(host.releases.made.length, 1, 'its root was kept');
});
