import { existsSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@wombat/proto';
import { DesiredState, NodePhase, type ChannelData, type ReadLogs } from '@wombat/proto/agent';
import t from 'tap';
import { nodePaths, stdoutLog } from '../nodes/node-paths.js';
import { TestHost, assignment } from '../nodes/testing/host.js';
import { ManualClock } from '../testing/manual-clock.js';
import { until } from '../testing/until.js';
import { LogKeeper } from './log-keeper.js';

async function textOf(data: AsyncIterable<ChannelData>): Promise<string> {
  let text = '';
  for await (const chunk of data) text += chunk.data.toString();
  return text;
}

async function errorsOf(data: AsyncIterable<ChannelData>): Promise<string[]> {
  const codes: string[] = [];
  for await (const { log } of data) if (log?.error) codes.push(log.error.code);
  return codes;
}

/** The standard output, from its oldest byte on. */
const everything: Omit<ReadLogs, 'nodes'> = { selection: { stdout: true, stderr: false, files: [] }, start: undefined, filter: undefined, follow: false, listOnly: false };

t.test('the logs of a node: while it runs, rotated, and a day after it was removed', async (t) => {
  const host = new TestHost({ 'bin/run': '#!/bin/sh\necho first; echo trouble >&2; while [ ! -e more ] && [ $((i+=1)) -lt 3000 ]; do sleep 0.02; done; echo second; exec sleep 1000\n' });
  await host.start();
  t.teardown(() => host.end());
  const nodeId = newId('node');
  const paths = nodePaths(host.agentDirectory, nodeId);
  const never = new AbortController().signal;
  const request = (changes: Partial<ReadLogs> = {}): ReadLogs => ({ ...everything, nodes: [{ nodeId, positions: [] }], ...changes });
  t.match(await errorsOf(host.core.readLogs(request(), never)), ['WO_CHANNEL_GONE'], 'a node that is not here');
  await t.rejects(textOf(host.core.readLogs(request({ nodes: [{ nodeId: '../../etc', positions: [] }] }), never)), { code: 'WO_INVALID_ARGUMENT' });
  await host.assign(assignment(nodeId));
  await host.reaches(nodeId, NodePhase.READY);
  await until(() => existsSync(stdoutLog(paths)) && statSync(stdoutLog(paths)).size > 0, 'the first line');
  t.equal(await textOf(host.core.readLogs(request(), never)), 'first\n');
  t.equal(await textOf(host.core.readLogs(request({ selection: { stdout: false, stderr: true, files: [] } }), never)), 'trouble\n');

  const keeper = new LogKeeper({ directory: host.agentDirectory, clock: new ManualClock(), log: host.log.log, nodes: () => [{ nodeId, paths, logFiles: [] }], limits: { fileBytes: 1, files: 3 } });
  await keeper.look();
  const { size } = statSync(stdoutLog(paths));
  await host.exec([nodeId], { $case: 'command', value: { argv: ['touch', 'more'], environment: {}, settings: undefined } });
  await until(() => statSync(stdoutLog(paths)).size > size, 'the second line');
  t.equal(await textOf(host.core.readLogs(request(), never)), 'first\nsecond\n');
  t.equal(await textOf(host.core.readLogs(request({ nodes: [{ nodeId, positions: [{ log: 'stdout', offset: 6n }] }] }), never)), 'second\n');
  t.equal(await textOf(host.core.readLogs(request({ start: { since: undefined, tailLines: 1 } }), never)), 'second\n');

  await host.assign(assignment(nodeId, { generation: 2n, desired: DesiredState.ABSENT, spec: undefined }));
  await host.reaches(nodeId, NodePhase.ABSENT);
  t.notOk(existsSync(paths.base));
  t.equal(await textOf(host.core.readLogs(request({ follow: true }), never)), 'first\nsecond\n', 'nothing more can come, so following ends');

  const clock = new ManualClock();
  const later = new LogKeeper({ directory: host.agentDirectory, clock, log: host.log.log, nodes: () => [] });
  utimesSync(join(paths.removedLogs), new Date(0), new Date(0));
  await later.pruneRemoved();
  t.ok(existsSync(paths.removedLogs), 'the age of the logs does not count, but the removal');
  clock.advance(25 * 3600_000);
  await later.pruneRemoved();
  t.notOk(existsSync(paths.removedLogs));
});
