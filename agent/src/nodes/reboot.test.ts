import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@wombat/proto';
import { DesiredState, NodePhase } from '@wombat/proto/agent';
import { isAlive, identifyProcess } from '@wombat/proto/processes';
import t from 'tap';
import { until } from '../testing/until.js';
import { TestHost, assignment, kill, nodeSpec, processesOf } from './testing/host.js';

t.test('after a boot of the machine what was wanted runs again, and who has the old numbers now is left alone', async (t) => {
  const host = new TestHost();
  await host.start();
  t.teardown(() => host.end());
  const [running, stopped] = [newId('node'), newId('node')];
  const specs = { running: nodeSpec(), stopped: nodeSpec() };
  await host.assign(assignment(running, { spec: specs.running }), assignment(stopped, { spec: specs.stopped }));
  const before = await host.reaches(running, NodePhase.READY);
  await host.reaches(stopped, NodePhase.READY);
  await host.assign(assignment(stopped, { spec: specs.stopped, generation: 2n, desired: DesiredState.STOPPED }));
  await host.reaches(stopped, NodePhase.STOPPED);

  await host.core.stop();
  for (const pid of processesOf(host.hostId)) kill(pid);
  await until(() => processesOf(host.hostId).length === 0, 'everything to be gone, as after a power cut');
  const innocent = spawn('sleep', ['1000'], { stdio: 'ignore', detached: true });
  t.teardown(() => innocent.kill('SIGKILL'));
  await once(innocent, 'spawn');
  const identity = identifyProcess(innocent.pid!)!;
  const stat = readFileSync(`/proc/${innocent.pid}/stat`, 'latin1').split('\n')[0]!;
  const run = join(host.agentDirectory, 'nodes', running, 'run');
  const record = readdirSync(run).find((name) => name.endsWith('.pid'))!;
  // The machine has counted anew: another process has number and start time of the old one.
  writeFileSync(join(run, record), `${stat}\n${stat}\n`);

  host.bootId = 'the next boot';
  await host.start();
  const after = await host.reaches(running, NodePhase.READY, ({ pid }) => pid !== before.pid && pid !== 0n);
  t.not(after.pid, BigInt(identity.pid), 'a stranger is not taken for the node');
  t.equal(after.restarts, before.restarts + 1, 'it was started once');
  t.equal(host.status(stopped)?.phase, NodePhase.STOPPED, 'what was stopped stays so');
  await host.assign(assignment(running, { generation: 3n, desired: DesiredState.ABSENT, spec: undefined }));
  await host.reaches(running, NodePhase.ABSENT);
  t.ok(isAlive(identity), 'nor is it ended in its place');
});
