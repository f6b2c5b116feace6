import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@wombat/proto';
import { NodePhase, Outcome } from '@wombat/proto/agent';
import type { PutFile } from '@wombat/proto/types';
import t, { type Test } from 'tap';
import { TestHost, assignment } from '../nodes/testing/host.js';
import type { ArtifactSource } from '../session/handlers.js';
import { until } from '../testing/until.js';

const content = randomBytes(10_000);

function push(path: string, changes: Partial<PutFile> = {}): { $case: 'putFile'; value: PutFile } {
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { $case: 'putFile', value: { sha256, sizeBytes: BigInt(content.length), path, mode: 0o600, user: '', ...changes } };
}

const whole: ArtifactSource = { async *fetch(_sha256, offset) { yield content.subarray(offset); } };
/** Its first bytes, then nothing until the signal. */
const stuck: ArtifactSource = {
  async *fetch(_sha256, _offset, signal) {
    yield content.subarray(0, 100);
    // It may have come while the first bytes were written.
    signal.throwIfAborted();
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  },
};

async function hostWithNode(t: Test, artifacts: ArtifactSource): Promise<{ host: TestHost; nodeId: string; root: string }> {
  const host = new TestHost();
  host.artifacts = artifacts;
  await host.start();
  t.teardown(() => host.end());
  const nodeId = newId('node');
  await host.assign(assignment(nodeId));
  await host.reaches(nodeId, NodePhase.READY);
  return { host, nodeId, root: join(host.agentDirectory, 'nodes', nodeId, 'root') };
}

const halfFiles = (directory: string): string[] => readdirSync(directory).filter((name) => name.startsWith('.wombat-'));

t.test('a file is put on a node and on its host, with one outcome each', async (t) => {
  const { host, nodeId, root } = await hostWithNode(t, whole);
  await host.exec([nodeId], push('put'));
  t.match(await host.outcome(nodeId), { outcome: Outcome.OK, exit: undefined, error: undefined });
  t.ok(readFileSync(join(root, 'put')).equals(content));
  await host.exec([host.hostId], push(join(host.directory, 'put')));
  t.match(await host.outcome(host.hostId), { outcome: Outcome.OK });
  t.ok(readFileSync(join(host.directory, 'put')).equals(content));
  host.outcomes.length = 0;
  await host.exec([nodeId], push('../put'));
  t.match(await host.outcome(nodeId), { outcome: Outcome.REJECTED, error: { code: 'WO_EXEC_REJECTED', message: /upwards/ } });
});

t.test('the policy of a host wins', async (t) => {
  const { host, nodeId, root } = await hostWithNode(t, whole);
  const outcomeUnder = async (policy: object, changes: Partial<PutFile> = {}): Promise<unknown> => {
    writeFileSync(join(host.agentDirectory, 'exec-policy.json'), JSON.stringify(policy));
    host.outcomes.length = 0;
    await host.exec([nodeId], push('put', changes));
    return host.outcome(nodeId);
  };
  const refused = { outcome: Outcome.REJECTED, error: { code: 'WO_EXEC_REJECTED', message: /no files/ } };
  t.match(await outcomeUnder({ exec: 'off' }), refused);
  t.match(await outcomeUnder({ exec: ['uptime'] }), refused, 'a list of commands names no files');
  t.match(await outcomeUnder({ exec: 'on', files: false }), refused);
  t.match(await outcomeUnder({ exec: [], files: true }, { user: 'root' }), { outcome: Outcome.REJECTED, error: { message: /as "root"/ } });
  t.notOk(existsSync(join(root, 'put')), 'nothing was put');
  t.match(await outcomeUnder({ exec: 'off', files: true }), { outcome: Outcome.OK });
});

t.test('cancelled and too late: nothing of it is left', async (t) => {
  const { host, nodeId, root } = await hostWithNode(t, stuck);
  const jobId = newId('job');
  await host.exec([nodeId], push('put'), { jobId });
  await until(() => halfFiles(root).length === 1, 'the first bytes to be there');
  host.core.cancelExec({ jobId, targetIds: [] });
  t.match(await host.outcome(nodeId), { outcome: Outcome.KILLED, exit: undefined });
  host.outcomes.length = 0;
  await host.exec([nodeId], push('put'), { timeoutMs: 50 });
  t.match(await host.outcome(nodeId), { outcome: Outcome.TIMED_OUT, exit: undefined });
  t.notOk(existsSync(join(root, 'put')));
  t.strictSame(halfFiles(root), []);
});

t.test('an agent that is started anew begins again', async (t) => {
  const { host, nodeId, root } = await hostWithNode(t, stuck);
  await host.exec([nodeId], push('put'));
  await until(() => halfFiles(root).length === 1, 'the first bytes to be there');
  host.artifacts = whole;
  await host.restart();
  t.match(await host.outcome(nodeId), { outcome: Outcome.OK });
  t.ok(readFileSync(join(root, 'put')).equals(content));
  t.strictSame(halfFiles(root), []);
});
