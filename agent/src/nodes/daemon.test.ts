import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { durationFromMs, newId } from '@wombat/proto';
import { Assignments, DesiredState, NodePhase, RunMode, type NodeSpec, type RunSpec } from '@wombat/proto/agent';
import t, { type Test } from 'tap';
import { readStat } from '@wombat/proto/processes';
import { until } from '../testing/until.js';
import { TestHost, assignment, kill, nodeSpec, processesOf } from './testing/host.js';

/** A daemon as the books describe it: two forks and a session between them, the pid written late by the daemon itself, with a child of its own. */
const doubleFork = `#!/usr/bin/perl
use POSIX qw(setsid);
exit 0 if fork; setsid(); exit 0 if fork;
open(STDIN, '<', '/dev/null'); open(STDOUT, '>>', '/dev/null'); open(STDERR, '>>', '/dev/null');
my $worker = fork; if (!$worker) { exec('sleep', '1000') }
select(undef, undef, undef, 0.2);
open(my $file, '>', "$ENV{WOMBAT_DATA_DIR}/pid"); print $file "$$\\n"; close($file);
sleep 1 while 1;
`;
/** The same, with an environment of its own. */
const scrubbed = doubleFork.replace("open(my $file", 'my $data = $ENV{WOMBAT_DATA_DIR}; open(my $file').replace('#!/usr/bin/perl\n', `#!/usr/bin/perl
unless ($ENV{CLEAN}) { $ENV{CLEAN} = 1; exec('env', '-i', 'CLEAN=1', "PATH=$ENV{PATH}", "WOMBAT_DATA_DIR=$ENV{WOMBAT_DATA_DIR}", "WOMBAT_HOST_ID=$ENV{WOMBAT_HOST_ID}", '/usr/bin/perl', $0) }
`);
const slowStart = '#!/bin/sh\nsleep 0.3\nsetsid sleep 1000 >/dev/null 2>&1 </dev/null &\nsleep 0.3\n';
const readPid = ['sh', '-c', 'cat "$WOMBAT_DATA_DIR/pid"'];

async function hostWith(t: Test, start: string): Promise<TestHost> {
  const host = new TestHost({ 'bin/daemon': start });
  await host.start();
  t.teardown(() => host.end());
  return host;
}

function daemonSpec(runs: Partial<RunSpec> = {}): NodeSpec {
  return nodeSpec({ runs: { mode: RunMode.DAEMON, start: ['bin/daemon'], termTimeout: durationFromMs(1_000), ...runs } });
}

async function absent(host: TestHost, nodeId: string, generation: bigint): Promise<void> {
  await host.assign(assignment(nodeId, { generation, desired: DesiredState.ABSENT, spec: undefined }));
  await host.reaches(nodeId, NodePhase.ABSENT);
}

for (const [what, script] of [['keeps', doubleFork], ['clears', scrubbed]] as const) {
  t.test(`a daemon by two forks that ${what} its environment is found by its pid, watched, and ended with its children`, async (t) => {
    const host = await hostWith(t, script);
    const nodeId = newId('node');
    await host.assign(assignment(nodeId, { spec: daemonSpec({ pidCommand: readPid }) }));
    const ready = await host.reaches(nodeId, NodePhase.READY);
    t.equal(readFileSync(`/proc/${ready.pid}/comm`, 'utf8'), 'daemon\n'.replace('daemon', what === 'keeps' ? 'daemon' : 'perl'));
    t.equal(processesOf(host.hostId).length, 2, 'the daemon and its child');
    await host.restart();
    t.match(host.status(nodeId), { phase: NodePhase.READY, pid: ready.pid }, 'the next agent adopts it');
    await host.assign(assignment(nodeId, { generation: 2n, desired: DesiredState.STOPPED, spec: daemonSpec({ pidCommand: readPid }) }));
    await host.reaches(nodeId, NodePhase.STOPPED);
    await until(() => processesOf(host.hostId).length === 0, 'its child to be ended, too');
  });
}

t.test('a daemon without a pid command is the oldest that its start left', async (t) => {
  const host = await hostWith(t, doubleFork);
  const nodeId = newId('node');
  await host.assign(assignment(nodeId, { spec: daemonSpec() }));
  const { pid } = await host.reaches(nodeId, NodePhase.READY);
  t.equal(readFileSync(`/proc/${pid}/comm`, 'utf8'), 'daemon\n', 'not its child');
  kill(pid);
  await host.reaches(nodeId, NodePhase.READY, ({ restarts }) => restarts === 1);
  await until(() => processesOf(host.hostId).length === 2, 'a daemon and a child: those of the first went together');
  await absent(host, nodeId, 2n);
});

t.test('a pid that is another\'s is neither watched nor ended', async (t) => {
  const stranger = spawn('sleep', ['1000'], { stdio: 'ignore' });
  t.teardown(() => stranger.kill('SIGKILL'));
  await until(() => readStat(stranger.pid!), 'the stranger to run');
  const host = await hostWith(t, '#!/bin/sh\nsetsid sleep 1000 >/dev/null 2>&1 </dev/null &\n');
  const [stale, wordy] = [newId('node'), newId('node')];
  await host.assign(
    assignment(stale, { spec: daemonSpec({ pidCommand: ['echo', String(stranger.pid)] }) }),
    assignment(wordy, { spec: daemonSpec({ pidCommand: ['echo', 'not running'] }) }),
  );
  const failed = await host.reaches(stale, NodePhase.FAILED);
  t.match(failed.lastError, { code: 'WO_NODE_START_FAILED', message: /older than the start/, hint: /pidCommand/ });
  t.match((await host.reaches(wordy, NodePhase.FAILED)).lastError, { code: 'WO_NODE_START_FAILED', message: /printed no pid: "not running"/ });
  t.equal(readStat(stranger.pid!)?.state, 'S', 'the stranger lives');
  await until(() => processesOf(host.hostId).length === 0, 'what the starts left to be ended');
});

t.test('a start command that leaves nothing, fails, or does not return', async (t) => {
  const host = new TestHost({ 'bin/nothing': '#!/bin/sh\nexit 0\n', 'bin/fails': '#!/bin/sh\necho no licence >&2; exit 4\n', 'bin/hangs': '#!/bin/sh\nexec sleep 1000\n' });
  await host.start();
  t.teardown(() => host.end());
  const [nothing, fails, hangs] = [newId('node'), newId('node'), newId('node')];
  await host.assign(
    assignment(nothing, { spec: daemonSpec({ start: ['bin/nothing'] }) }),
    assignment(fails, { spec: daemonSpec({ start: ['bin/fails'] }) }),
    assignment(hangs, { spec: daemonSpec({ start: ['bin/hangs'], readyTimeout: durationFromMs(300) }) }),
  );
  t.match((await host.reaches(nothing, NodePhase.FAILED)).lastError, { code: 'WO_NODE_START_FAILED', message: /no process of it is to be found/ });
  t.match(await host.reaches(fails, NodePhase.FAILED), { lastError: { code: 'WO_NODE_EXITED', message: /exit code 4/ }, logTail: 'no licence' });
  t.match((await host.reaches(hangs, NodePhase.FAILED)).lastError, { code: 'WO_NODE_NOT_READY', message: /did not return in time/ });
  await until(() => processesOf(host.hostId).length === 0, 'nothing of them runs on');
});

t.test('an agent killed at any moment of a daemon\'s start finds it again, once', async (t) => {
  const host = new TestHost({ 'bin/daemon': slowStart });
  const nodeId = newId('node');
  const wanted = assignment(nodeId, { spec: daemonSpec() });
  const frame = Buffer.from(Assignments.encode({ syncId: 1n, assignments: [wanted], fullSync: true, first: true, last: true }).finish()).toString('base64');
  const program = fileURLToPath(new URL('testing/agent-process.js', import.meta.url));
  const run = (): ChildProcess => spawn(process.execPath, [program, host.agentDirectory, host.hostId, host.tree, frame], { stdio: ['ignore', 'pipe', 'inherit'] });
  // Before the start command, within it before and after its fork, after its return.
  for (const waitMs of [5, 100, 400, 150, 300]) {
    const agent = run();
    await once(agent.stdout!, 'data');
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    agent.kill('SIGKILL');
    await once(agent, 'exit');
  }
  await host.start();
  t.teardown(() => host.end());
  await host.assign(wanted);
  const ready = await host.reaches(nodeId, NodePhase.READY);
  t.equal(ready.restarts, 0, 'it was started once');
  t.strictSame(processesOf(host.hostId), [Number(ready.pid)], 'and runs once');
  await absent(host, nodeId, 2n);
  await until(() => processesOf(host.hostId).length === 0, 'it to be ended');
});
