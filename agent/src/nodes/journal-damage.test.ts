import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@wombat/proto';
import { DesiredState, NodePhase, Outcome, RunMode } from '@wombat/proto/agent';
import t, { type Test } from 'tap';
import { until } from '../testing/until.js';
import { TestHost, assignment, nodeSpec, processesOf } from './testing/host.js';

const journalOf = (host: TestHost): string => join(host.agentDirectory, 'nodes.journal');

async function hostWith(t: Test, scripts: Readonly<Record<string, string>> = {}): Promise<TestHost> {
  const host = new TestHost(scripts);
  await host.start();
  t.teardown(() => host.end());
  return host;
}

const programs = (host: TestHost): number[] => processesOf(host.hostId).filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'sleep');

const damages: readonly (readonly [what: string, change: (text: string) => string])[] = [
  ['flipped bytes', (text) => text.replace(/"kind":"record"/g, '"kind":"rekord"')],
  ['a cut tail', (text) => text.slice(0, -20)],
  ['nothing', () => ''],
  ['garbage', () => '\u0000\u0001\n\u00ff'],
  ['another version', (text) => text.replace(/^.*\n/, '')],
];

for (const [what, change] of damages) {
  t.test(`a journal with ${what} in it: its nodes run on as the same processes, and the coordinator is asked again`, async (t) => {
    const host = await hostWith(t);
    const wanted = [assignment(newId('node')), assignment(newId('node'))];
    await host.fullSync(...wanted);
    const before = await Promise.all(wanted.map(({ nodeId }) => host.reaches(nodeId, NodePhase.READY)));
    await host.core.stop();
    writeFileSync(journalOf(host), change(readFileSync(journalOf(host), 'latin1')), 'latin1');
    await host.start();
    t.match(host.core.journalDamages(), [{ journal: 'nodes.journal', keptAs: /^nodes\.journal\.damaged-\d+$/, reason: /./ }], 'what was wrong is to be told');
    t.equal(host.core.journalPosition(), 0n, 'and nothing is said to be known');
    t.strictSame(host.core.statuses().map(({ nodeId }) => nodeId).sort(), wanted.map(({ nodeId }) => nodeId).sort(), 'its nodes are known by what lies there');
    await host.restart();
    t.equal(host.core.journalDamages().length, 1, 'it is remembered until it has been told');
    await host.fullSync(...wanted);
    const after = await Promise.all(wanted.map(({ nodeId }) => host.reaches(nodeId, NodePhase.READY)));
    t.strictSame(after.map(({ pid }) => pid), before.map(({ pid }) => pid), 'they are the same processes');
    t.equal(programs(host).length, 2, 'and there is no other');
    t.strictSame(host.core.journalDamages(), [], 'told');
    await host.restart();
    t.strictSame(host.core.journalDamages(), [], 'once');
  });
}

t.test('what an old line says is not followed when a newer one may have been lost', async (t) => {
  const host = await hostWith(t);
  const [stopped, removed, running] = [newId('node'), newId('node'), newId('node')];
  const spec = nodeSpec();
  await host.fullSync(assignment(stopped), assignment(removed), assignment(running, { spec }));
  for (const nodeId of [stopped, removed, running]) await host.reaches(nodeId, NodePhase.READY);
  const pid = host.status(running)?.pid;
  await host.core.stop();
  const old = readFileSync(journalOf(host), 'latin1');
  await host.start();
  const newer = [
    assignment(stopped, { generation: 2n, desired: DesiredState.STOPPED }),
    assignment(removed, { generation: 2n, desired: DesiredState.ABSENT, spec: undefined }),
    assignment(running, { generation: 2n, spec }),
  ];
  await host.assign(...newer);
  await host.reaches(stopped, NodePhase.STOPPED);
  await host.reaches(removed, NodePhase.ABSENT);
  await host.core.stop();
  writeFileSync(journalOf(host), `${old}damaged\n`);
  host.statuses.length = 0;
  await host.start();
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.strictSame(programs(host), [Number(pid)], 'neither the stopped nor the removed one is started');
  await host.fullSync(...newer.filter(({ nodeId }) => nodeId !== removed));
  await host.reaches(running, NodePhase.READY, (status) => status.generation === 2n);
  await host.reaches(stopped, NodePhase.STOPPED, (status) => status.generation === 2n);
  t.strictSame(programs(host), [Number(pid)], 'nor afterwards');
  t.ok(host.statuses.some(({ nodeId }) => nodeId === removed), 'the one that is not wanted any more is told of');
});

t.test('a process of which every paper is lost is found by its environment, and never doubled', async (t) => {
  const host = await hostWith(t);
  const nodeId = newId('node');
  const spec = nodeSpec();
  await host.fullSync(assignment(nodeId, { spec }));
  const { pid } = await host.reaches(nodeId, NodePhase.READY);
  await host.exec([nodeId], { $case: 'command', value: { argv: ['sleep', '1000'], environment: {}, settings: undefined } });
  await until(() => programs(host).length === 2, 'a command to run for the node');
  const command = programs(host).find((found) => found !== Number(pid));
  await host.core.stop();
  rmSync(journalOf(host));
  for (const name of readdirSync(join(host.agentDirectory, 'nodes', nodeId, 'run'))) rmSync(join(host.agentDirectory, 'nodes', nodeId, 'run', name));
  await host.start();
  await host.fullSync(assignment(nodeId, { spec }));
  const after = await host.reaches(nodeId, NodePhase.READY, (status) => status.pid !== pid);
  t.strictSame(programs(host).sort(), [Number(after.pid), command].sort(), 'the unknown one gave way; the command is none of it');
});

t.test('a journal that is gone is told as lost', async (t) => {
  const host = await hostWith(t);
  const wanted = assignment(newId('node'));
  await host.fullSync(wanted);
  const { pid } = await host.reaches(wanted.nodeId, NodePhase.READY);
  await host.core.stop();
  rmSync(journalOf(host));
  await host.start();
  t.match(host.core.journalDamages(), [{ keptAs: '', reason: /not there/ }]);
  await host.fullSync(wanted);
  t.equal((await host.reaches(wanted.nodeId, NodePhase.READY)).pid, pid, 'its node runs on');
});

t.test('a daemon whose papers are lost is found too', async (t) => {
  const host = await hostWith(t, { 'bin/daemon': '#!/bin/sh\nsetsid sleep 1000 </dev/null >/dev/null 2>&1 &\n' });
  const wanted = assignment(newId('node'), { spec: nodeSpec({ runs: { mode: RunMode.DAEMON, start: ['bin/daemon'] } }) });
  await host.fullSync(wanted);
  const { pid } = await host.reaches(wanted.nodeId, NodePhase.READY);
  await host.core.stop();
  writeFileSync(journalOf(host), 'garbage');
  await host.start();
  await host.fullSync(wanted);
  t.equal((await host.reaches(wanted.nodeId, NodePhase.READY)).pid, pid);
  t.strictSame(programs(host), [Number(pid)], 'there is one');
});

t.test('a ledger of commands that is damaged has none of them run twice', async (t) => {
  const host = await hostWith(t);
  const jobId = newId('job');
  const action = { $case: 'command' as const, value: { argv: ['sh', '-c', `echo ran >>${join(host.directory, 'ran')}`], environment: {}, settings: undefined } };
  await host.exec([host.hostId], action, { jobId });
  t.equal((await host.outcome(host.hostId)).outcome, Outcome.OK);
  await host.core.stop();
  writeFileSync(join(host.agentDirectory, 'exec.journal'), 'garbage');
  host.outcomes.length = 0;
  await host.start();
  t.match(host.core.journalDamages(), [{ journal: 'exec.journal' }]);
  await host.exec([host.hostId], action, { jobId });
  t.equal((await host.outcome(host.hostId)).outcome, Outcome.LOST_DURING_RUN, 'what became of it is not known any more, and said so');
  t.equal(readFileSync(join(host.directory, 'ran'), 'utf8'), 'ran\n');
});
