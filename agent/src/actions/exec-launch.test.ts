import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@wombat/proto';
import { LogStream, NodePhase, Outcome, type ExecOutcome } from '@wombat/proto/agent';
import { CommandSettings, IoPriority } from '@wombat/proto/types';
import t, { type Test } from 'tap';
import { findAccount } from '../accounts/account.js';
import { TestHost, assignment, nodeSpec } from '../nodes/testing/host.js';

type Settings = Partial<CommandSettings>;

async function hostWithNode(t: Test): Promise<{ host: TestHost; nodeId: string; run: (target: string, argv: string[], settings: Settings, environment?: Record<string, string>) => Promise<ExecOutcome> }> {
  const host = new TestHost({ 'deep/bin/tell': '#!/bin/sh\npwd\n' });
  await host.start();
  t.teardown(() => host.end());
  const nodeId = newId('node');
  await host.assign(assignment(nodeId, { spec: nodeSpec({ environment: { COLOUR: 'blue' } }) }));
  await host.reaches(nodeId, NodePhase.READY);
  const run = async (target: string, argv: string[], settings: Settings, environment: Record<string, string> = {}): Promise<ExecOutcome> => {
    host.outcomes.length = 0;
    await host.exec([target], { $case: 'command', value: { argv, environment, settings: CommandSettings.fromPartial(settings) } });
    return host.outcome(target);
  };
  return { host, nodeId, run };
}

const said = ({ stdout, stderr }: ExecOutcome): string => `${stdout?.head.toString()}${stderr?.head.toString()}`;

t.test('where a command runs', async (t) => {
  const { host, nodeId, run } = await hostWithNode(t);
  const root = join(host.agentDirectory, 'nodes', nodeId, 'root');
  t.equal(said(await run(nodeId, ['bin/tell'], { workingDirectory: 'deep' })), `${root}/deep\n`, 'seen from the root of the node, and so is the program');
  t.equal(said(await run(nodeId, ['pwd'], { workingDirectory: '{{path:data}}' })), `${join(host.agentDirectory, 'nodes', nodeId, 'data')}\n`, 'a path that the host knows');
  t.equal(said(await run(nodeId, ['echo', '{{path:data}}'], { literalArgv: true })), '{{path:data}}\n', 'and words that are no paths, as they stand');
  mkdirSync(join(host.directory, 'elsewhere'));
  t.equal(said(await run(host.hostId, ['pwd'], { workingDirectory: join(host.directory, 'elsewhere') })), `${host.directory}/elsewhere\n`, 'on the host');
  for (const workingDirectory of ['nowhere', 'deep/bin/tell', 'deep\0']) {
    t.match(await run(nodeId, ['pwd'], { workingDirectory }), { outcome: Outcome.REJECTED, error: { code: 'WO_EXEC_REJECTED', message: /no directory/ } }, JSON.stringify(workingDirectory));
  }
});

t.test('variables, secrets and input', async (t) => {
  const { host, nodeId, run } = await hostWithNode(t);
  const script = ['sh', '-c', 'echo "$COLOUR $SIZE $TOKEN"; cat'];
  const outcome = await run(nodeId, script, { secrets: { TOKEN: 'canary-987' }, stdin: Buffer.from('a\0b\xff', 'latin1') }, { SIZE: 'large' });
  t.equal(outcome.stdout?.head.toString('latin1'), 'blue large **********\na\0b\xff', 'each arrives; the secret is starred in what is told');
  const directory = join(host.agentDirectory, 'exec', outcome.jobId, nodeId);
  t.strictSame(readdirSync(directory).filter((name) => name === 'stdin'), [], 'the input is no longer on the disk');
  t.equal(said(await run(nodeId, ['cat'], {})), '', 'without one, nothing is there to be read');
  const large = Buffer.alloc(60_000, 'x');
  t.equal(said(await run(host.hostId, ['wc', '-c'], { stdin: large })).trim(), '60000', 'as large as a job may be');
  t.match(await run(host.hostId, ['true'], { stdin: large }), { outcome: Outcome.OK }, 'who never reads it is not in the way');
  t.match(await run(nodeId, ['true'], {}, { BAD: 'a\0b' }), { outcome: Outcome.REJECTED }, 'what no process can be given is refused');
});

t.test('a secret is starred wherever it stands in the output, also where it lies across two windows', async (t) => {
  const { host, nodeId, run } = await hostWithNode(t);
  // 262,144 bytes are looked at in one go.
  const outcome = await run(nodeId, ['sh', '-c', 'head -c 262140 /dev/zero; printf "$TOKEN"; head -c 300000 /dev/zero; echo "$TOKEN" >&2'], { secrets: { TOKEN: 'canary-987' } });
  t.equal(outcome.stderr?.head.toString(), '**********\n');
  const pieces: Buffer[] = [];
  const request = { jobId: outcome.jobId, targetId: nodeId, stream: LogStream.STDOUT, offset: 0n };
  for await (const { data } of host.core.readExecOutput(request, new AbortController().signal)) pieces.push(Buffer.from(data));
  const output = Buffer.concat(pieces);
  t.equal(output.length, 262_140 + 10 + 300_000, 'as long as it was');
  t.equal(output.subarray(262_140, 262_150).toString(), '**********', 'beyond what stands in the outcome, too');
  t.notOk(output.includes('canary'));
});

t.test('who it gives way to', { skip: spawnSync('ionice', ['--version']).status !== 0 && 'needs ionice' }, async (t) => {
  const { host, run } = await hostWithNode(t);
  const show = ['sh', '-c', 'nice; ionice'];
  t.match(said(await run(host.hostId, show, { nice: 7, ioPriority: IoPriority.IDLE })), /^7\nidle/);
  t.match(said(await run(host.hostId, show, { ioPriority: IoPriority.LOW })), /^0\nbest-effort: prio 7/);
});

const user = findAccount('nobody');
t.test('as another user', { skip: (process.getuid?.() !== 0 || !user) && 'needs root and the user nobody' }, async (t) => {
  const { host, nodeId, run } = await hostWithNode(t);
  const who = ['sh', '-c', 'id -un; echo "$USER $HOME"; pwd'];
  const onHost = await run(host.hostId, who, { user: 'nobody' });
  t.equal(said(onHost), `nobody\nnobody ${user!.home}\n${existsSync(user!.home) ? user!.home : '/'}\n`, 'on a host with its own home');
  t.match(said(await run(nodeId, ['id', '-un'], { user: 'nobody' })), /^nobody\n/, 'for a node');
  t.match(said(await run(nodeId, ['grep', 'NoNewPrivs', '/proc/self/status'], { user: 'nobody' })), /1/, 'which can gain no rights');
  t.match(await run(host.hostId, who, { user: 'wombat-nobody-has' }), { outcome: Outcome.REJECTED, error: { code: 'WO_USER_UNKNOWN' } });
});
