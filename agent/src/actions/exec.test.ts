import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { durationFromMs, newId } from '@wombat/proto';
import { LogStream, NodePhase, Outcome, type ChannelData, type ExecOutcome } from '@wombat/proto/agent';
import { CommandSettings, type Command } from '@wombat/proto/types';
import t, { type Test } from 'tap';
import { TestHost, assignment, kill, nodeSpec, processesOf } from '../nodes/testing/host.js';
import { until } from '../testing/until.js';

async function hostWithNode(t: Test): Promise<{ host: TestHost; nodeId: string }> {
  const host = new TestHost({ 'bin/tell': '#!/bin/sh\necho "$WOMBAT_NODE_NAME of $WOMBAT_FAMILY: $COLOUR $1"; pwd; echo oops >&2\n' });
  await host.start();
  t.teardown(() => host.end());
  const nodeId = newId('node');
  await host.assign(assignment(nodeId, { spec: nodeSpec({ environment: { COLOUR: 'blue' } }) }));
  await host.reaches(nodeId, NodePhase.READY);
  return { host, nodeId };
}

function command(...argv: string[]): { $case: 'command'; value: Command } {
  return { $case: 'command', value: { argv, environment: {}, settings: undefined } };
}

async function read(data: AsyncIterable<ChannelData>): Promise<string> {
  let text = '';
  for await (const chunk of data) text += chunk.data.toString('utf8');
  return text;
}

t.test('a command runs in the root and environment of its node', async (t) => {
  const { host, nodeId } = await hostWithNode(t);
  await host.exec([nodeId], command('bin/tell', 'a b'));
  const outcome = await host.outcome(nodeId);
  const root = join(host.agentDirectory, 'nodes', nodeId, 'root');
  const said = `sleeper-1 of sleepers: blue a b\n${root}\n`;
  t.match(outcome, { outcome: Outcome.OK, exit: { kind: { $case: 'code', value: 0 } }, error: undefined });
  t.equal(outcome.stdout?.head.toString(), said);
  t.match(outcome.stdout, { sizeBytes: BigInt(said.length), lostBytes: 0n });
  t.equal(outcome.stderr?.head.toString(), 'oops\n');
  const rest = await read(host.core.readExecOutput({ jobId: outcome.jobId, targetId: nodeId, stream: LogStream.STDOUT, offset: 11n }, new AbortController().signal));
  t.equal(rest, said.slice(11));
});

t.test('a command of the host itself, one that fails, one that is not there', async (t) => {
  const { host } = await hostWithNode(t);
  await host.exec([host.hostId], command('sh', '-c', 'pwd; env; exit 4'));
  const failed = await host.outcome(host.hostId);
  t.match(failed, { outcome: Outcome.FAILED, exit: { kind: { $case: 'code', value: 4 } } });
  t.match(failed.stdout?.head.toString(), join(host.agentDirectory, 'exec'));
  t.match(failed.stdout?.head.toString(), `WOMBAT_EXEC_ID=${failed.jobId}`);
  host.outcomes.length = 0;
  await host.exec([host.hostId], command('no-such-program'));
  t.match(await host.outcome(host.hostId), { outcome: Outcome.REJECTED, exit: undefined, error: { code: 'WO_EXEC_REJECTED' } });
  const elsewhere = newId('node');
  await host.exec([elsewhere], command('true'));
  t.match(await host.outcome(elsewhere), { outcome: Outcome.REJECTED, error: { code: 'WO_EXEC_REJECTED' } });
  await t.rejects(host.core.exec({ sequence: 1n, targetIds: [host.hostId], job: Buffer.from('no job') }), { code: 'WO_INVALID_ARGUMENT' });
});

t.test('what takes too long is ended, with all that it started', async (t) => {
  const { host, nodeId } = await hostWithNode(t);
  await host.exec([nodeId], command('sh', '-c', 'echo begun; sleep 900 & sleep 901'), { timeoutMs: 150 });
  const outcome = await host.outcome(nodeId);
  t.match(outcome, { outcome: Outcome.TIMED_OUT, exit: { kind: { $case: 'signal', value: 15 } } });
  t.equal(outcome.stdout?.head.toString(), 'begun\n', 'what it wrote before is there');
  await until(() => processesOf(host.hostId).length === 2, 'only the node and its shim to be left');
});

t.test('a command is killed when asked', async (t) => {
  const { host, nodeId } = await hostWithNode(t);
  const jobId = newId('job');
  await host.exec([nodeId, host.hostId], command('sh', '-c', 'touch "$HOME/begun"; exec sleep 900'), { jobId });
  await until(() => existsSync(join(host.agentDirectory, 'nodes', nodeId, 'home', 'begun')), 'the command to run');
  host.core.cancelExec({ jobId, targetIds: [nodeId] });
  t.match(await host.outcome(nodeId), { outcome: Outcome.KILLED, exit: { kind: { $case: 'signal', value: 15 } } });
  t.notOk(host.outcomes.some(({ targetId }) => targetId === host.hostId), 'the other target runs on');
  host.core.cancelExec({ jobId, targetIds: [] });
  t.match(await host.outcome(host.hostId), { outcome: Outcome.KILLED });
});

t.test('at most once, however often it is sent, and kept until acknowledged', async (t) => {
  const { host, nodeId } = await hostWithNode(t);
  const jobId = newId('job');
  const counted = join(host.directory, 'count');
  const count = command('sh', '-c', `echo once >>${counted}`);
  await host.exec([nodeId, nodeId], count, { jobId });
  await host.exec([nodeId], count, { jobId });
  await host.outcome(nodeId);
  await host.restart();
  t.match(host.core.pendingOutcomes(), [{ jobId, targetId: nodeId, outcome: Outcome.OK }], 'the next agent has the outcome');
  host.outcomes.length = 0;
  await host.exec([nodeId], count, { jobId });
  t.match(host.outcomes, [{ jobId, outcome: Outcome.OK }], 'whoever asks again is answered again');
  await host.core.acknowledgeOutcomes({ outcomes: [{ jobId, targetId: nodeId }] });
  t.strictSame(host.core.pendingOutcomes(), []);
  await host.restart();
  await host.exec([nodeId], count, { jobId });
  t.strictSame(host.core.pendingOutcomes(), []);
  t.equal(readFileSync(counted, 'utf8'), 'once\n');
});

t.test('the next agent waits for a command that runs, and reads how one ended', async (t) => {
  const { host, nodeId } = await hostWithNode(t);
  const go = join(host.directory, 'go');
  await host.exec([nodeId, host.hostId], command('sh', '-c', `while [ ! -e ${go} ] && [ $((i+=1)) -lt 3000 ]; do sleep 0.02; done; echo done; exit 3`));
  const isRunning = (id: string): boolean => existsSync(join(host.agentDirectory, 'exec')) && processesOf(host.hostId).length === 6 && id !== '';
  await until(() => isRunning(nodeId), 'both commands to run');
  await host.restart();
  t.strictSame(host.outcomes, []);
  await host.core.stop();
  const { writeFileSync } = await import('node:fs');
  writeFileSync(go, '');
  await until(() => processesOf(host.hostId).length === 2, 'both commands to end');
  await host.start();
  for (const targetId of [nodeId, host.hostId]) {
    const outcome = await host.outcome(targetId);
    t.match(outcome, { outcome: Outcome.FAILED, exit: { kind: { $case: 'code', value: 3 } } });
    t.equal(outcome.stdout?.head.toString(), 'done\n');
  }
});

t.test('a command of which nobody can tell how it ended is lost', async (t) => {
  const { host, nodeId } = await hostWithNode(t);
  const jobId = newId('job');
  await host.exec([nodeId], command('sleep', '900'), { jobId });
  const record = join(host.agentDirectory, 'exec', jobId, nodeId, 'run');
  await until(() => existsSync(`${record}.pid`) && processesOf(host.hostId).length === 4, 'the command to run');
  await host.core.stop();
  const node = Number(host.status(nodeId)?.pid);
  for (const pid of processesOf(host.hostId)) {
    if (readFileSync(`/proc/${pid}/environ`, 'latin1').includes(jobId)) kill(pid);
  }
  t.ok(existsSync(`/proc/${node}`));
  await until(() => processesOf(host.hostId).length === 2, 'the command to be gone');
  rmSync(`${record}.exit`, { force: true });
  await host.start();
  t.match(await host.outcome(nodeId), { outcome: Outcome.LOST_DURING_RUN, exit: { kind: { $case: 'unknown' } } });
});

t.test('a ledger that was lost lets nothing run twice', async (t) => {
  const { host, nodeId } = await hostWithNode(t);
  const jobId = newId('job');
  const counted = join(host.directory, 'count');
  const count = command('sh', '-c', `echo once >>${counted}`);
  await host.exec([nodeId], count, { jobId });
  await host.outcome(nodeId);
  await host.core.stop();
  rmSync(join(host.agentDirectory, 'exec.journal'));
  await host.start();
  host.outcomes.length = 0;
  await host.exec([nodeId], count, { jobId });
  t.match(await host.outcome(nodeId), { outcome: Outcome.LOST_DURING_RUN });
  t.equal(readFileSync(counted, 'utf8'), 'once\n');
});

t.test('output is kept up to its limit, and what is lost is counted', async (t) => {
  const { host, nodeId } = await hostWithNode(t);
  await host.exec([nodeId], command('sh', '-c', 'head -c 300000 /dev/zero | tr "\\\\0" x; sleep 0.3; head -c 1000 /dev/zero'), { outputLimitBytes: 100_000 });
  const outcome = await host.outcome(nodeId);
  t.match(outcome.stdout, { sizeBytes: 301_000n, lostBytes: 201_000n });
  t.equal(outcome.stdout?.head.length, 16 * 1024);
  const kept = await read(host.core.readExecOutput({ jobId: outcome.jobId, targetId: nodeId, stream: LogStream.STDOUT, offset: 0n }, new AbortController().signal));
  t.equal(kept, `${'x'.repeat(99_000)}${'\0'.repeat(1_000)}`, 'its first and its last bytes');
  t.throws(() => host.core.readExecOutput({ jobId: '../../x', targetId: nodeId, stream: LogStream.STDOUT, offset: 0n }, new AbortController().signal), { code: 'WO_CHANNEL_GONE' });
});

t.test('a job without a time of its own ends with the deadline of its arrival', async (t) => {
  const { host, nodeId } = await hostWithNode(t);
  const stubborn = command('sh', '-c', 'trap "" TERM; while [ $((i+=1)) -lt 3000 ]; do sleep 0.05; done');
  await host.exec([nodeId], stubborn, { timeoutMs: 500 });
  const outcome = await host.outcome(nodeId);
  t.match(outcome, { outcome: Outcome.TIMED_OUT, exit: { kind: { $case: 'signal', value: 9 } } }, 'KILL follows TERM');
  const tookMs = (of: ExecOutcome): number => of.finishedAt!.getTime() - of.startedAt!.getTime();
  t.ok(tookMs(outcome) >= 1_000, 'half a second later');
  const settings = CommandSettings.fromPartial({ killAfter: durationFromMs(1_500) });
  await host.exec([host.hostId], { ...stubborn, value: { ...stubborn.value, settings } }, { timeoutMs: 500 });
  t.ok(tookMs(await host.outcome(host.hostId)) >= 2_000, 'or as much later as was asked for');
});

t.test('a secret of the node that a command prints is not in the outcome, which is stored', async (t) => {
  const { host } = await hostWithNode(t);
  const nodeId = newId('node');
  const secrets = [{ name: 'KEY', value: Buffer.from('canary-1234'), environmentName: 'KEY' }];
  await host.assign(assignment(nodeId, { spec: nodeSpec({ secrets }) }));
  await host.reaches(nodeId, NodePhase.READY);
  await host.exec([nodeId], command('sh', '-c', 'echo "<$KEY>"; echo "<$KEY>" >&2'));
  const outcome = await host.outcome(nodeId);
  t.same([outcome.stdout?.head.toString(), outcome.stderr?.head.toString()], ['<***********>\n', '<***********>\n'], 'the command had it in its environment');
  host.outcomes.length = 0;
  await host.exec([host.hostId], command('env'));
  t.notMatch((await host.outcome(host.hostId)).stdout?.head.toString(), 'canary', 'a command of the host has not');
});
