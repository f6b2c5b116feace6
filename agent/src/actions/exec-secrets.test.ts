import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@wombat/proto';
import { Outcome } from '@wombat/proto/agent';
import { CommandSettings } from '@wombat/proto/types';
import t, { type Test } from 'tap';
import { TestHost, processesOf } from '../nodes/testing/host.js';
import { until } from '../testing/until.js';

const token = 'canary-987';
const says = `${token} on stdout\n`;

/** A host whose command tells its secret when `go` is there. */
async function hostWithTeller(t: Test): Promise<{ host: TestHost; directory: string; go: string }> {
  const host = new TestHost();
  await host.start();
  t.teardown(() => host.end());
  const [jobId, go] = [newId('job'), join(host.directory, 'go')];
  const script = `while [ ! -e ${go} ] && [ $((i+=1)) -lt 3000 ]; do sleep 0.02; done; echo "$TOKEN on stdout"; echo "$TOKEN" >&2`;
  await host.exec([host.hostId], { $case: 'command', value: { argv: ['sh', '-c', script], environment: {}, settings: CommandSettings.fromPartial({ secrets: { TOKEN: token } }) } }, { jobId });
  const directory = join(host.agentDirectory, 'exec', jobId, host.hostId);
  await until(() => existsSync(join(directory, 'run.pid')), 'the command to run');
  return { host, directory, go };
}

t.test('the agent that takes up a command stars the secrets that it was given', async (t) => {
  const { host, directory, go } = await hostWithTeller(t);
  await host.restart();
  const files = [join(directory, 'secrets'), join(host.agentDirectory, 'exec.key'), join(host.agentDirectory, 'exec.journal')];
  for (const file of files) {
    t.notOk(readFileSync(file).includes(token), `${file} does not hold it`);
    t.equal(statSync(file).mode & 0o077, 0, `nobody else may read ${file}`);
  }
  writeFileSync(go, '');
  const { outcome, stdout, stderr } = await host.outcome(host.hostId);
  t.match({ outcome, stdout: stdout?.head.toString(), stderr: stderr?.head.toString() }, { outcome: Outcome.OK, stdout: '********** on stdout\n', stderr: '**********\n' });
  t.notOk(readFileSync(join(directory, 'stdout')).includes(token), 'also in what the host keeps');
  t.notOk(existsSync(files[0]!), 'what was kept for it is gone');
});

t.test('so does one that finds it ended', async (t) => {
  const { host, directory, go } = await hostWithTeller(t);
  await host.core.stop();
  // As left by an agent that died in the moment of the start.
  writeFileSync(join(directory, 'stdin'), 'canary');
  writeFileSync(go, '');
  await until(() => existsSync(join(directory, 'run.exit')) && processesOf(host.hostId).length === 0, 'the command to end');
  await host.start();
  t.equal((await host.outcome(host.hostId)).stdout?.head.toString(), '********** on stdout\n');
  t.notOk(existsSync(join(directory, 'stdin')), 'and it leaves no input on the disk');
});

t.test('where the secrets cannot be read any more, nothing of the output is told but its size', async (t) => {
  const { host, directory, go } = await hostWithTeller(t);
  await host.core.stop();
  rmSync(join(host.agentDirectory, 'exec.key'));
  await host.start();
  writeFileSync(go, '');
  const { outcome, stdout } = await host.outcome(host.hostId);
  const sizeBytes = BigInt(says.length);
  t.match({ outcome, ...stdout }, { outcome: Outcome.OK, head: Buffer.alloc(0), sizeBytes, lostBytes: sizeBytes });
  t.notOk(existsSync(join(directory, 'stdout')), 'nor is it kept');
});
