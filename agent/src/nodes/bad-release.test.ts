import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { durationFromMs, newId } from '@wombat/proto';
import { NodePhase, RestartMode, type NodeStatus, type RunSpec } from '@wombat/proto/agent';
import t from 'tap';
import { until } from '../testing/until.js';
import { TestHost, assignment, nodeSpec, processesOf } from './testing/host.js';

interface BadRelease {
  readonly runs: Partial<RunSpec>;
  readonly code: string;
  readonly message: RegExp;
  readonly logTail: RegExp;
  readonly restarts: number;
}

const never = { kind: { $case: 'action' as const, value: { kind: { $case: 'command' as const, value: { argv: ['sh', '-c', 'echo no quorum; exit 1'], environment: {}, settings: undefined } } } } };
const alive = { kind: { $case: 'aliveFor' as const, value: durationFromMs(20_000) } };
const bad: Readonly<Record<string, BadRelease>> = {
  'whose start command is not there': { runs: { start: ['bin/absent'] }, code: 'WO_NODE_START_FAILED', message: /no program "bin\/absent"/, logTail: /^$/, restarts: 0 },
  'whose start command is no program': { runs: { start: ['bin/garbage'], ready: alive }, code: 'WO_NODE_EXITED', message: /exit code 12[67]/, logTail: /./, restarts: 0 },
  'that dies at once': { runs: { start: ['bin/dies'], ready: alive }, code: 'WO_NODE_EXITED', message: /exit code 9/, logTail: /line 29\nline 30$/, restarts: 0 },
  'that never becomes ready': { runs: { start: ['bin/hangs'], ready: never, readyTimeout: durationFromMs(5_000) }, code: 'WO_NODE_NOT_READY', message: /not ready after 5 s: no quorum/, logTail: /waiting for the others/, restarts: 0 },
  'that dies after it was ready, again and again': { runs: { start: ['bin/later'] }, code: 'WO_NODE_EXITED', message: /exit code 5/, logTail: /out of luck/, restarts: 2 },
};

t.test('bad releases, each named for what it is, beside a node that nothing happens to', async (t) => {
  const host = new TestHost({
    'bin/garbage': '\u0001\u0002\u0003',
    'bin/dies': '#!/bin/sh\ni=0; while [ $((i+=1)) -le 30 ]; do echo "line $i"; done; exit 9\n',
    'bin/hangs': '#!/bin/sh\necho waiting for the others; exec sleep 1000\n',
    'bin/later': '#!/bin/sh\nsleep 2; echo out of luck >&2; exit 5\n',
  });
  await host.start();
  t.teardown(() => host.end());
  const good = newId('node');
  await host.assign(assignment(good));
  const before = await host.reaches(good, NodePhase.READY);
  const restart = { mode: RestartMode.ALWAYS, tries: 2, interval: undefined, delay: durationFromMs(10) };
  const cases = Object.entries(bad).map(([what, release]) => ({ what, nodeId: newId('node'), ...release }));
  await host.assign(...cases.map(({ nodeId, runs }) => assignment(nodeId, { spec: nodeSpec({ runs, restart }) })));
  for (const { what, nodeId, code, message, logTail, restarts } of cases) {
    const failed: NodeStatus = await host.reaches(nodeId, NodePhase.FAILED);
    t.match(failed, { lastError: { code, message }, logTail, restarts, pid: 0n }, `a release ${what}`);
    t.strictSame(readdirSync(join(host.agentDirectory, 'nodes', nodeId)).sort(), ['data', 'home', 'logs', 'root', 'run'], 'its logs can be read');
  }
  await until(() => processesOf(host.hostId).length === 2, 'none of their processes to be left');
  t.match(host.status(good), { phase: NodePhase.READY, pid: before.pid, restarts: 0 }, 'the good one runs on');
});
