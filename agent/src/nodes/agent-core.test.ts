import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { durationFromMs, newId, WombatError } from '@wombat/proto';
import { DesiredState, NodePhase, RestartMode, RunMode } from '@wombat/proto/agent';
import t, { type Test } from 'tap';
import { readStat } from '@wombat/proto/processes';
import { until } from '../testing/until.js';
import { TestHost, assignment, kill, nodeSpec, processesOf } from './testing/host.js';

async function hostWith(t: Test, scripts: Readonly<Record<string, string>> = {}): Promise<TestHost> {
  const host = new TestHost(scripts);
  await host.start();
  t.teardown(() => host.end());
  return host;
}

t.test('a node becomes ready in a clean environment and its own directories', async (t) => {
  process.env.AGENT_SECRET = 'not for children';
  const host = await hostWith(t, { 'bin/run': '#!/bin/sh\nenv >"$WOMBAT_DATA_DIR/env"; cat etc/conf >"$WOMBAT_DATA_DIR/conf"; pwd; exec sleep 1000\n' });
  const nodeId = newId('node');
  const spec = nodeSpec({
    environment: { COLOUR: 'blue' },
    secrets: [{ name: 'db', value: Buffer.from('pa$s'), environmentName: 'DB_PASSWORD' }],
    files: [{ path: 'etc/conf', content: Buffer.from('password={{secret:db}} data={{path:data}}'), mode: 0o600 }],
    ports: [{ name: 'http', number: 0, protocol: 'tcp' }],
  });
  await host.assign(assignment(nodeId, { spec }));
  t.equal(host.core.journalPosition(), 1n, 'the assignment is in the journal');
  const ready = await host.reaches(nodeId, NodePhase.READY);
  t.equal(ready.generation, 1n);
  t.equal(ready.restarts, 0);

  const base = join(host.agentDirectory, 'nodes', nodeId);
  await until(() => existsSync(join(base, 'data', 'conf')) && readFileSync(join(base, 'data', 'conf')).length > 0, 'the node to have written down what it sees');
  // Until then it is a shell, which holds its script open.
  await until(() => readFileSync(`/proc/${ready.pid}/comm`, 'utf8').trim() === 'sleep', 'the node to have become what it starts');
  const environment = new Map(readFileSync(join(base, 'data', 'env'), 'utf8').trim().split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]));
  t.match(Object.fromEntries(environment), {
    LANG: 'C.UTF-8', HOME: join(base, 'home'), COLOUR: 'blue', DB_PASSWORD: 'pa$s',
    WOMBAT_HOST_ID: host.hostId, WOMBAT_NODE_ID: nodeId, WOMBAT_START_ID: ready.startId, WOMBAT_NODE_NAME: 'sleeper-1', WOMBAT_FAMILY: 'sleepers', WOMBAT_PORT_HTTP: '0',
  });
  t.notOk(environment.has('AGENT_SECRET'), 'nothing of the agent\'s own environment');
  t.equal(readFileSync(join(base, 'data', 'conf'), 'utf8'), `password=pa$s data=${join(base, 'data')}`);
  t.equal(readlinkSync(`/proc/${ready.pid}/cwd`), join(base, 'root'));
  t.equal(readlinkSync(`/proc/${ready.pid}/fd/0`), '/dev/null');
  t.equal(readlinkSync(`/proc/${ready.pid}/fd/1`), join(base, 'logs', 'stdout.log'));
  const ours = readdirSync(`/proc/${ready.pid}/fd`).filter((fd) => readlinkSync(`/proc/${ready.pid}/fd/${fd}`).startsWith(host.directory));
  t.strictSame(ours.sort(), ['1', '2'], 'neither the shim nor the agent leaves it a descriptor');
  const phases = host.statuses.map(({ phase }) => NodePhase[phase]);
  t.strictSame([...new Set(phases)], ['PENDING', 'FETCHING', 'CONFIGURING', 'STARTING', 'READY']);
  t.equal((readFileSync(join(host.agentDirectory, 'nodes.journal'), 'latin1').match(/\n/g) ?? []).length > 0, true);
});

t.test('a node that dies is started again by its policy, and told of', async (t) => {
  const host = await hostWith(t);
  const nodeId = newId('node');
  await host.assign(assignment(nodeId));
  const first = await host.reaches(nodeId, NodePhase.READY);
  kill(first.pid);
  const second = await host.reaches(nodeId, NodePhase.READY, ({ restarts }) => restarts === 1);
  t.not(second.pid, first.pid);
  t.not(second.startId, first.startId);
  t.strictSame(second.lastExit, { kind: { $case: 'signal', value: 9 } });
  t.equal(second.lastError?.code, 'WO_NODE_EXITED');
  t.ok(host.statuses.some(({ phase, waiting }) => phase === NodePhase.PENDING && waiting?.nextTryAt), 'waiting said when it is tried next');
});

t.test('after too many tries it is left failed; a grown restart generation begins again', async (t) => {
  const host = await hostWith(t, { 'bin/run': '#!/bin/sh\nsleep 0.2; echo going down >&2; exit 7\n' });
  const nodeId = newId('node');
  const spec = nodeSpec({ restart: { mode: RestartMode.ALWAYS, tries: 2, interval: undefined, delay: durationFromMs(5) } });
  await host.assign(assignment(nodeId, { spec }));
  const failed = await host.reaches(nodeId, NodePhase.FAILED);
  t.equal(failed.restarts, 2);
  t.strictSame(failed.lastExit, { kind: { $case: 'code', value: 7 } });
  t.match(failed.logTail, 'going down');
  t.match(failed.lastError?.message, /exit code 7; it is not started again: that was number 3 within 300 s, and 2 are allowed/, 'why it was given up');
  await host.restart();
  t.equal(host.status(nodeId)?.phase, NodePhase.FAILED, 'it stays failed for the next agent');
  await host.assign(assignment(nodeId, { spec, generation: 2n, restartGeneration: 1n }));
  await host.reaches(nodeId, NodePhase.READY);
});

t.test('a first start that fails is not tried again, and says why', async (t) => {
  const host = await hostWith(t, {
    'bin/crash': '#!/bin/sh\nprintf "starting\\n\\033[31mno\\a database\\033[0m\\n" >&2; exit 3\n',
    'bin/slow': '#!/bin/sh\nexec sleep 1000\n',
  });
  const [crash, missing, slow] = [newId('node'), newId('node'), newId('node')];
  await host.assign(
    assignment(crash, { spec: nodeSpec({ runs: { start: ['bin/crash'], ready: { kind: { $case: 'aliveFor', value: durationFromMs(10_000) } } } }) }),
    assignment(missing, { spec: nodeSpec({ runs: { start: ['bin/missing'] } }) }),
    assignment(slow, {
      spec: nodeSpec({
        runs: {
          start: ['bin/slow'],
          ready: { kind: { $case: 'action', value: { kind: { $case: 'command', value: { argv: ['sh', '-c', 'echo not yet; exit 1'], environment: {}, settings: undefined } } } } },
          readyTimeout: durationFromMs(2_000),
        },
      }),
    }),
  );
  const crashed = await host.reaches(crash, NodePhase.FAILED);
  t.equal(crashed.lastError?.code, 'WO_NODE_EXITED');
  t.match(crashed.lastError?.message, 'exit code 3');
  t.equal(crashed.logTail, 'starting\nno database', 'what a terminal would obey is taken out');
  t.equal((await host.reaches(missing, NodePhase.FAILED)).lastError?.code, 'WO_NODE_START_FAILED');
  const late = await host.reaches(slow, NodePhase.FAILED);
  t.equal(late.lastError?.code, 'WO_NODE_NOT_READY');
  t.match(late.lastError?.message, 'not yet');
  await until(() => processesOf(host.hostId).length === 0, 'nothing of them runs on');
});

t.test('a fetch that fails for a passing reason is tried again', async (t) => {
  const host = await hostWith(t);
  const nodeId = newId('node');
  host.releases.failures.push(new WombatError('WO_HOST_UNREACHABLE', 'no connection'));
  await host.assign(assignment(nodeId));
  await host.reaches(nodeId, NodePhase.READY);
  t.ok(host.statuses.some(({ waiting }) => waiting?.reason === 'no connection'), 'it said what it waits for');
});

t.test('the next agent adopts what runs, and notices what ended meanwhile', async (t) => {
  const host = await hostWith(t, { 'bin/obey': '#!/bin/sh\nwhile [ ! -e "$WOMBAT_DATA_DIR/end" ] && [ $((i+=1)) -lt 3000 ]; do sleep 0.02; done; exit 5\n' });
  const [runs, ends] = [newId('node'), newId('node')];
  await host.assign(assignment(runs), assignment(ends, { spec: nodeSpec({ runs: { start: ['bin/obey'] } }) }));
  const before = await host.reaches(runs, NodePhase.READY);
  const ending = await host.reaches(ends, NodePhase.READY);
  await host.core.stop();
  t.ok(existsSync(`/proc/${before.pid}`), 'nodes run on without an agent');
  kill(ending.pid);
  await until(() => !existsSync(`/proc/${ending.pid}`), 'the other node to be gone');

  await host.start();
  const after = host.status(runs);
  t.match(after, { phase: NodePhase.READY, pid: before.pid, startId: before.startId, restarts: 0 });
  const restarted = await host.reaches(ends, NodePhase.READY, ({ restarts }) => restarts === 1);
  t.strictSame(restarted.lastExit, { kind: { $case: 'signal', value: 9 } }, 'its exit status was read from what the shim wrote');
  kill(before.pid);
  await host.reaches(runs, NodePhase.READY, ({ restarts }) => restarts === 1);
});

t.test('a start whose record is missing is found by its environment', async (t) => {
  const host = await hostWith(t);
  const nodeId = newId('node');
  await host.assign(assignment(nodeId));
  const before = await host.reaches(nodeId, NodePhase.READY);
  await host.core.stop();
  const { rmSync } = await import('node:fs');
  rmSync(join(host.agentDirectory, 'nodes', nodeId, 'run', `${before.startId}.pid`));
  await host.start();
  t.match(host.status(nodeId), { phase: NodePhase.READY, startId: before.startId });
  t.equal(processesOf(host.hostId).length, 2, 'the shim and the node, once');
  kill(before.pid);
  await host.reaches(nodeId, NodePhase.READY, ({ restarts }) => restarts === 1);
});

t.test('stopped, started again, and removed without a trace', async (t) => {
  const host = await hostWith(t, {
    'bin/stubborn': '#!/bin/sh\ntrap "" TERM\nwhile [ $((i+=1)) -lt 3000 ]; do sleep 0.05; done\n',
    'bin/leave': '#!/bin/sh\n[ ! -e "$WOMBAT_DATA_DIR/keep" ] && touch "$WOMBAT_DATA_DIR/keep"; while [ ! -e bye ] && [ $((i+=1)) -lt 3000 ]; do sleep 0.02; done; exit 0\n',
  });
  const [plain, stubborn, polite] = [newId('node'), newId('node'), newId('node')];
  const stubbornSpec = nodeSpec({ runs: { start: ['bin/stubborn'], termTimeout: durationFromMs(200) } });
  const politeSpec = nodeSpec({
    runs: { start: ['bin/leave'], stop: { kind: { $case: 'command', value: { argv: ['touch', 'bye'], environment: {}, settings: undefined } } } },
  });
  await host.assign(assignment(plain), assignment(stubborn, { spec: stubbornSpec }), assignment(polite, { spec: politeSpec }));
  const { pid } = await host.reaches(plain, NodePhase.READY);
  await Promise.all([stubborn, polite].map((nodeId) => host.reaches(nodeId, NodePhase.READY)));

  const stop = { generation: 2n, desired: DesiredState.STOPPED };
  await host.assign(assignment(plain, stop), assignment(stubborn, { ...stop, spec: stubbornSpec }), assignment(polite, { ...stop, spec: politeSpec }));
  t.strictSame((await host.reaches(plain, NodePhase.STOPPED)).lastExit, { kind: { $case: 'signal', value: 15 } });
  t.strictSame((await host.reaches(stubborn, NodePhase.STOPPED)).lastExit, { kind: { $case: 'signal', value: 9 } });
  t.strictSame((await host.reaches(polite, NodePhase.STOPPED)).lastExit, { kind: { $case: 'code', value: 0 } });
  const steps = host.log.lines.map((line) => JSON.parse(line) as { nodeId?: string; step?: string }).filter(({ step }) => step);
  t.strictSame(Object.fromEntries(steps.map(({ nodeId, step }) => [nodeId, step])), { [plain]: 'term', [stubborn]: 'kill', [polite]: 'action' });
  await until(() => processesOf(host.hostId).length === 0, 'no process is left');

  await host.assign(assignment(plain, { generation: 3n }));
  t.not((await host.reaches(plain, NodePhase.READY)).pid, pid);
  const absent = { generation: 4n, desired: DesiredState.ABSENT, spec: undefined };
  await host.assign(assignment(plain, absent), assignment(polite, { ...absent, keepData: true }));
  await host.reaches(plain, NodePhase.ABSENT);
  await host.reaches(polite, NodePhase.ABSENT);
  t.notOk(existsSync(join(host.agentDirectory, 'nodes', plain)), 'its directory is gone');
  t.strictSame(readdirSync(join(host.agentDirectory, 'nodes', polite)), ['data'], 'only the data that was to be kept');

  host.statuses.length = 0;
  await host.assign(assignment(plain, absent));
  t.match(host.statuses, [{ nodeId: plain, phase: NodePhase.ABSENT }], 'whoever asks again is answered again');
  await host.fullSync(assignment(stubborn, { ...stop, spec: stubbornSpec }));
  t.strictSame(host.core.statuses().map(({ nodeId }) => nodeId), [stubborn], 'forgotten when the coordinator no longer names it');
  const stranger = newId('node');
  await host.assign(assignment(stranger, absent));
  await host.reaches(stranger, NodePhase.ABSENT);
});

t.test('only a change of what runs restarts a node', async (t) => {
  const host = await hostWith(t);
  const nodeId = newId('node');
  const spec = nodeSpec({ environment: { A: '1', B: '2' } });
  await host.assign(assignment(nodeId, { spec }));
  const first = await host.reaches(nodeId, NodePhase.READY);
  await host.assign(assignment(nodeId, { generation: 2n, spec: { ...spec, environment: { B: '2', A: '1' } } }));
  const same = await host.reaches(nodeId, NodePhase.READY, ({ generation }) => generation === 2n);
  t.equal(same.pid, first.pid, 'the same specification in another order');
  await host.assign(assignment(nodeId, { generation: 1n, spec: nodeSpec() }));
  t.equal(host.status(nodeId)?.generation, 2n, 'an older generation is not heeded');
  t.equal(host.releases.made.length, 1);

  const files = [{ path: 'etc/x', content: Buffer.from('new'), mode: 0o644 }];
  await host.assign(assignment(nodeId, { generation: 3n, spec: { ...spec, files } }));
  const changed = await host.reaches(nodeId, NodePhase.READY, ({ generation, pid }) => generation === 3n && pid !== first.pid);
  t.equal(host.releases.made.length, 2, 'its root was made anew');
  await host.assign(assignment(nodeId, { generation: 4n, restartGeneration: 1n, spec: { ...spec, files } }));
  await host.reaches(nodeId, NodePhase.READY, ({ generation, pid }) => generation === 4n && pid !== changed.pid);
  t.equal(host.releases.made.length, 2, 'a restart keeps the root');
  t.equal(processesOf(host.hostId).length, 2, 'one node with its shim');
});

t.test('nodes that a full sync does not name are reported, not removed', async (t) => {
  const host = await hostWith(t);
  const [named, unnamed] = [newId('node'), newId('node')];
  await host.assign(assignment(named), assignment(unnamed));
  const { pid } = await host.reaches(unnamed, NodePhase.READY);
  await host.reaches(named, NodePhase.READY);
  host.statuses.length = 0;
  const sync = { syncId: 9n, fullSync: true };
  await host.core.assignments({ ...sync, first: true, last: false, assignments: [assignment(named)] });
  t.strictSame(host.statuses, [], 'not before the last frame');
  t.equal(host.core.journalPosition(), 1n);
  await host.core.assignments({ ...sync, first: false, last: true, assignments: [] });
  t.match(host.statuses, [{ nodeId: unnamed, phase: NodePhase.READY, pid }]);
  t.equal(host.core.journalPosition(), 9n);
  t.equal(host.status(unnamed)?.pid, pid);
});

t.test('a damaged journal is put aside, and what can be read is used', async (t) => {
  const host = await hostWith(t);
  const [first, second] = [newId('node'), newId('node')];
  await host.assign(assignment(first));
  const before = await host.reaches(first, NodePhase.READY);
  await host.assign(assignment(second));
  await host.reaches(second, NodePhase.READY);
  await host.core.stop();
  const { appendFileSync, writeFileSync } = await import('node:fs');
  const file = join(host.agentDirectory, 'nodes.journal');
  const lines = readFileSync(file, 'latin1').split('\n');
  const damaged = lines.map((line) => (line.includes('"kind":"sync"') ? line.replace('sync', 'sunk') : line));
  writeFileSync(file, damaged.join('\n'), 'latin1');
  appendFileSync(file, 'abc {"kind":"forg');

  await host.start();
  t.match(host.status(first), { phase: NodePhase.READY, pid: before.pid });
  t.equal(host.core.journalPosition(), 0n, 'the coordinator is not told that all is known');
  const aside = readdirSync(host.agentDirectory).filter((name) => name.includes('damaged'));
  t.equal(aside.length, 1);
  t.match(readFileSync(join(host.agentDirectory, aside[0]!), 'latin1'), 'abc {"kind":"forg');
});

t.test('a journal that was lost lets no node run twice', async (t) => {
  const host = await hostWith(t);
  const nodeId = newId('node');
  const spec = nodeSpec();
  await host.assign(assignment(nodeId, { spec }));
  const before = await host.reaches(nodeId, NodePhase.READY);
  await host.core.stop();
  const { rmSync } = await import('node:fs');
  rmSync(join(host.agentDirectory, 'nodes.journal'));
  await host.start();
  t.match(host.core.statuses(), [{ nodeId, generation: 0n, pid: before.pid }], 'what runs is told of, as of no generation');
  t.equal(host.core.journalPosition(), 0n);
  await host.fullSync(assignment(nodeId, { spec }));
  const after = await host.reaches(nodeId, NodePhase.READY);
  t.match(after, { pid: before.pid, startId: before.startId });
  t.equal(processesOf(host.hostId).length, 2);
  await host.assign(assignment(nodeId, { generation: 2n, desired: DesiredState.ABSENT, spec: undefined }));
  await host.reaches(nodeId, NodePhase.ABSENT);
  await until(() => processesOf(host.hostId).length === 0, 'no process to be left');
});

t.test('ports are tried before the start', async (t) => {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const port = (server.address() as { port: number }).port;
  const host = await hostWith(t);
  const [taken, free] = [newId('node'), newId('node')];
  const spec = nodeSpec({ address: '127.0.0.1', ports: [{ name: 'http', number: port, protocol: 'tcp' }], runs: { readyTimeout: durationFromMs(300) } });
  await host.assign(
    assignment(taken, { spec }),
    assignment(free, { spec: { ...nodeSpec({ address: '127.0.9.9', ports: spec.ports, runs: { start: ['bin/run'], ready: { kind: { $case: 'tcpPortName', value: 'http' } }, readyTimeout: durationFromMs(100) } }) } }),
  );
  t.equal((await host.reaches(taken, NodePhase.FAILED)).lastError?.code, 'WO_PORT_IN_USE');
  t.equal((await host.reaches(free, NodePhase.FAILED)).lastError?.code, 'WO_NODE_NOT_READY', 'the same port of another address is free, and nothing listens there');
});

t.test('a daemon is found after its start command returned', async (t) => {
  const host = await hostWith(t, { 'bin/daemon': '#!/bin/sh\nsetsid sleep 1000 >/dev/null 2>&1 </dev/null &\necho $! >"$WOMBAT_DATA_DIR/pid"\n' });
  const [byCommand, bySession] = [newId('node'), newId('node')];
  const runs = { mode: RunMode.DAEMON, start: ['bin/daemon'], termTimeout: durationFromMs(2_000) };
  await host.assign(
    assignment(byCommand, { spec: nodeSpec({ runs: { ...runs, pidCommand: ['sh', '-c', 'cat "$WOMBAT_DATA_DIR/pid"'] } }) }),
    assignment(bySession, { spec: nodeSpec({ runs }) }),
  );
  const ready = await host.reaches(byCommand, NodePhase.READY);
  t.equal(readFileSync(`/proc/${ready.pid}/comm`, 'utf8'), 'sleep\n');
  const other = await host.reaches(bySession, NodePhase.READY);
  await host.restart();
  t.match(host.status(byCommand), { phase: NodePhase.READY, pid: ready.pid });
  kill(ready.pid);
  const again = await host.reaches(byCommand, NodePhase.READY, ({ restarts }) => restarts === 1);
  t.strictSame(again.lastExit, { kind: { $case: 'unknown', value: true } });
  await host.assign(...[byCommand, bySession].map((nodeId) => assignment(nodeId, { generation: 2n, desired: DesiredState.ABSENT, spec: undefined })));
  await host.reaches(byCommand, NodePhase.ABSENT);
  await host.reaches(bySession, NodePhase.ABSENT);
  const stat = readStat(Number(other.pid));
  t.ok(!stat || stat.state === 'Z', 'a node in a session of its own is ended too');
});

t.test('many nodes start at once', async (t) => {
  const host = await hostWith(t);
  const nodeIds = Array.from({ length: 125 }, () => newId('node'));
  const startedAt = performance.now();
  await host.assign(...nodeIds.map((nodeId) => assignment(nodeId)));
  await until(() => host.core.statuses().every(({ phase }) => phase === NodePhase.READY), 'all to be ready', 30_000);
  t.comment(`125 nodes ready after ${Math.round(performance.now() - startedAt)} ms`);
  t.equal(processesOf(host.hostId).length, 250);
});
