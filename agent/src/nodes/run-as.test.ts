import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, linkSync, lstatSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { durationFromMs, newId } from '@wombat/proto';
import { DesiredState, NodePhase, Outcome, type ErlangSpec, type NodeSpec } from '@wombat/proto/agent';
import t, { type Test } from 'tap';
import { findAccount, parseAccount } from '../accounts/account.js';
import { giveTree } from '../accounts/owned-tree.js';
import { runAs } from '../accounts/run-as.js';
import { MemoryGroups } from '../processes/memory-group.js';
import { until } from '../testing/until.js';
import { TestHost, assignment, kill, nodeSpec } from './testing/host.js';

const path = process.env['PATH'] ?? '';
const [user, other] = [findAccount('nobody'), findAccount('daemon')];
const isAble = process.getuid?.() === 0 && user !== undefined && other !== undefined && spawnSync('setpriv', ['--version']).status === 0;
const skip = isAble ? false : 'needs root, setpriv, and the users nobody and daemon';
const nobodyReads = spawnSync('setpriv', ['--reuid', 'nobody', '--clear-groups', process.execPath, '--check', fileURLToPath(import.meta.url)]).status === 0;

async function hostWith(t: Test, scripts: Readonly<Record<string, string>> = {}): Promise<TestHost> {
  const host = new TestHost(scripts);
  chmodSync(host.directory, 0o711);
  await host.start();
  t.teardown(() => host.end());
  return host;
}

function specAs(name: string, changes: Parameters<typeof nodeSpec>[0] = {}): NodeSpec {
  return nodeSpec({ limits: { openFiles: 0n, processes: 0n, nice: 0, runAs: name, memoryBytes: 0n }, ...changes });
}

function statusOf(pid: number | bigint): Record<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n').map((line) => line.split(/:\s+/) as [string, string]);
  return Object.fromEntries(lines);
}

/** Everything about a directory that a stray write would change. */
function pictureOf(directory: string): string[] {
  return readdirSync(directory).sort().flatMap((name) => {
    const file = join(directory, name);
    const { mode, uid, gid, size, mtimeMs, ctimeMs } = lstatSync(file);
    return [`${name} ${mode.toString(8)} ${uid} ${gid} ${size} ${mtimeMs} ${ctimeMs}`, ...(lstatSync(file).isDirectory() ? pictureOf(file) : [])];
  });
}

t.test('users are found by name', (t) => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\nweb:x:1001:1002::/srv:/bin/false\nbroken:x:x:1::/:/bin/sh\n';
  t.strictSame(parseAccount('web', passwd), { name: 'web', uid: 1001, gid: 1002, home: '/srv' });
  t.equal(parseAccount('broken', passwd), undefined);
  t.equal(parseAccount('we', passwd), undefined);
  t.equal(findAccount('--help'), undefined, 'what is no name is asked of nobody');
  t.throws(() => runAs('wombat-nobody-has', path), { code: 'WO_USER_UNKNOWN', hint: /useradd/ });
  t.equal(runAs('', path), undefined);
  t.end();
});

t.test('an agent that is not root runs nothing as another user', { skip: skip || !nobodyReads && 'nobody cannot read this checkout' }, (t) => {
  const module = new URL('../accounts/run-as.js', import.meta.url).href;
  const script = `const { runAs } = await import(${JSON.stringify(module)}); try { runAs('daemon', process.env.PATH); } catch (error) { console.log(error.code); } console.log(runAs('nobody', ''));`;
  const { stdout } = spawnSync('setpriv', ['--reuid', 'nobody', '--clear-groups', process.execPath, '--input-type=module', '-e', script], { encoding: 'utf8' });
  t.equal(stdout, 'WO_RUN_AS_REFUSED\nundefined\n', 'but everything as its own');
  t.end();
});

t.test('a node, its checks and its commands run as its user, in directories of its own', { skip }, async (t) => {
  const host = await hostWith(t, {
    'bin/run': '#!/bin/sh\necho by name >/dev/stdout; touch "$HOME/h" "$WOMBAT_DATA_DIR/d" written; env >"$HOME/env.part"; mv "$HOME/env.part" "$HOME/env"; exec sleep 1000\n',
    'bin/check': '#!/bin/sh\nid -un >"$WOMBAT_DATA_DIR/check"\n',
    'bin/stop': '#!/bin/sh\nid -un >"$WOMBAT_DATA_DIR/stop"; exit 1\n',
  });
  const nodeId = newId('node');
  const action = (argv: string[]) => ({ kind: { $case: 'command' as const, value: { argv, environment: {}, settings: undefined } } });
  const spec = specAs('nobody', { runs: { ready: { kind: { $case: 'action', value: action(['bin/check']) } }, stop: action(['bin/stop']) } });
  await host.assign(assignment(nodeId, { spec }));
  const { pid } = await host.reaches(nodeId, NodePhase.READY);
  const base = join(host.agentDirectory, 'nodes', nodeId);
  await until(() => existsSync(join(base, 'home', 'env')), 'the node to have written');
  const status = statusOf(pid);
  t.match(status, { Uid: new RegExp(`^${user?.uid}\\t${user?.uid}\\t${user?.uid}\\t`), Gid: new RegExp(`^${user?.gid}\\t`), NoNewPrivs: '1', CapEff: '0000000000000000' });
  t.match(readFileSync(join(base, 'home', 'env'), 'utf8'), new RegExp(`HOME=${base}/home\\n[^]*`));
  t.match(readFileSync(join(base, 'home', 'env'), 'utf8'), /^USER=nobody$/m);
  t.match(readFileSync(join(base, 'home', 'env'), 'utf8'), /^LOGNAME=nobody$/m);
  const owners = Object.fromEntries(['.', 'root', 'root/bin/run', 'home', 'data', 'logs', 'logs/stdout.log', 'run'].map((name) => [name, statSync(join(base, name)).uid]));
  const theirs = user?.uid;
  t.strictSame(owners, { '.': 0, root: theirs, 'root/bin/run': theirs, home: theirs, data: theirs, logs: 0, 'logs/stdout.log': theirs, run: 0 });
  t.strictSame(['root', 'home', 'data', 'logs', 'run'].map((name) => statSync(join(base, name)).mode & 0o077), [0, 0, 0, 0, 0], 'nobody else gets in');
  t.equal(readFileSync(join(base, 'logs', 'stdout.log'), 'utf8'), 'by name\n', 'it can open its output by name');

  await host.exec([nodeId], { $case: 'command', value: { argv: ['id', '-un'], environment: {}, settings: undefined } });
  t.equal(Buffer.from((await host.outcome(nodeId)).stdout?.head ?? []).toString(), 'nobody\n');
  await host.assign(assignment(nodeId, { generation: 2n, desired: DesiredState.STOPPED, spec }));
  await host.reaches(nodeId, NodePhase.STOPPED);
  t.equal(readFileSync(join(base, 'data', 'check'), 'utf8'), 'nobody\n', 'the ready check');
  t.equal(readFileSync(join(base, 'data', 'stop'), 'utf8'), 'nobody\n', 'the stop command');

  await host.assign(assignment(nodeId, { generation: 3n, spec: specAs('daemon') }));
  const changed = await host.reaches(nodeId, NodePhase.FAILED);
  t.match(changed.lastError, { code: 'WO_RUN_AS_REFUSED', hint: /chown -R daemon / }, 'what another user has left is given to nobody');
  await host.assign(assignment(nodeId, { generation: 4n, desired: DesiredState.ABSENT, spec: undefined }));
  await host.reaches(nodeId, NodePhase.ABSENT);
  t.notOk(existsSync(base), 'nothing is left of it');
});

t.test('nodes of different users do not reach each other', { skip }, async (t) => {
  const host = await hostWith(t, { 'bin/run': '#!/bin/sh\necho secret >"$WOMBAT_DATA_DIR/secret"; echo secret >"$HOME/secret"; exec sleep 1000\n' });
  const [mine, theirs] = [newId('node'), newId('node')];
  await host.assign(assignment(mine, { spec: specAs('nobody') }), assignment(theirs, { spec: specAs('daemon') }));
  await Promise.all([mine, theirs].map((nodeId) => host.reaches(nodeId, NodePhase.READY)));
  const base = join(host.agentDirectory, 'nodes', theirs);
  await until(() => existsSync(join(base, 'home', 'secret')), 'the other to have written');
  const attempts = [
    `cat ${base}/data/secret`, `cat ${base}/home/secret`, `ls ${base}/root`, `touch ${base}/root/bin/run`, `touch ${base}/x`,
    `ls ${host.agentDirectory}`, `ls ${host.agentDirectory}/nodes`, `cat ${host.agentDirectory}/nodes.journal`,
  ];
  await host.exec([mine], { $case: 'command', value: { argv: ['sh', '-c', attempts.map((attempt) => `${attempt} 2>/dev/null && echo '${attempt}'`).join('; ')], environment: {}, settings: undefined } });
  t.equal(Buffer.from((await host.outcome(mine)).stdout?.head ?? []).toString(), '', 'no attempt succeeded');
});

t.test('links that a node plants lead the agent nowhere', { skip }, async (t) => {
  const host = await hostWith(t, {
    'bin/run': '#!/bin/sh\nexec sleep 1000\n',
    'bin/plant': `#!/bin/sh
v="$1"
ln -sfn "$v/file" "$HOME/.erlang.cookie"; ln -sfn "$v/file" "$HOME/.erlang.cookie.new"; ln -sfn "$v" "$HOME/folder"
ln -sfn "$v" "$WOMBAT_DATA_DIR/folder"; ln -sfn "$v/file" "$WOMBAT_DATA_DIR/file"
mv etc etc.own; ln -sfn "$v" etc; ln -sfn "$v" folder; rm -f etc.own/x; ln -sfn "$v/file" etc.own/x
mkdir locked; ln -sfn "$v" locked/folder; chmod 0 locked
for d in logs run; do ln -sfn "$v/file" "../$d/stdout.log" 2>/dev/null && echo planted; ln -sfn "$v/file" "../$d/x" 2>/dev/null && echo planted; mv "../$d" "../$d.own" 2>/dev/null && echo moved; done
mv ../home ../home.own 2>/dev/null && echo moved
echo done
`,
  });
  const victim = join(host.directory, 'victim');
  mkdirSync(join(victim, 'deep'), { recursive: true });
  chmodSync(victim, 0o755);
  for (const name of ['file', 'x', 'deep/file']) writeFileSync(join(victim, name), 'precious', { mode: 0o644 });
  const before = pictureOf(victim);

  const nodeId = newId('node');
  const erlang: ErlangSpec = { nodeName: 'a@127.0.0.1', cookie: Buffer.from('first'), distributionPort: 0, epmdPort: 0, longNames: true };
  const rendered = (text: string) => [{ path: 'etc/x', content: Buffer.from(text), mode: 0o644 }];
  await host.assign(assignment(nodeId, { spec: specAs('nobody', { erlang, files: rendered('1') }) }));
  const first = await host.reaches(nodeId, NodePhase.READY);
  await host.exec([nodeId], { $case: 'command', value: { argv: ['bin/plant', victim], environment: {}, settings: undefined } });
  const outcome = await host.outcome(nodeId);
  t.match(outcome, { outcome: Outcome.OK });
  t.equal(Buffer.from(outcome.stdout?.head ?? []).toString(), 'done\n', 'what the agent writes itself is out of the reach of the node');
  t.strictSame(pictureOf(victim), before, 'the planting itself changes nothing');

  const base = join(host.agentDirectory, 'nodes', nodeId);
  await host.assign(assignment(nodeId, { generation: 2n, spec: specAs('nobody', { erlang: { ...erlang, cookie: Buffer.from('second') }, files: rendered('2') }) }));
  const second = await host.reaches(nodeId, NodePhase.READY, ({ generation }) => generation === 2n);
  t.not(second.pid, first.pid);
  const cookie = lstatSync(join(base, 'home', '.erlang.cookie'));
  t.ok(cookie.isFile() && (cookie.mode & 0o777) === 0o400 && cookie.uid === user?.uid, 'the cookie is a file of the node');
  t.equal(readFileSync(join(base, 'home', '.erlang.cookie'), 'utf8'), 'second');
  t.equal(readFileSync(join(base, 'root', 'etc', 'x'), 'utf8'), '2', 'the root was made anew');
  t.strictSame(pictureOf(victim), before, 'after another cookie and another root');

  await host.exec([nodeId], { $case: 'command', value: { argv: ['bin/plant', victim], environment: {}, settings: undefined } }, { jobId: newId('job') });
  await until(() => host.outcomes.length === 2, 'the second planting');
  kill(second.pid);
  await host.reaches(nodeId, NodePhase.READY, ({ restarts }) => restarts === 1);
  t.strictSame(pictureOf(victim), before, 'after a restart');
  await host.assign(assignment(nodeId, { generation: 3n, desired: DesiredState.ABSENT, spec: undefined }));
  await host.reaches(nodeId, NodePhase.ABSENT);
  t.notOk(existsSync(base), 'the node is gone');
  t.strictSame(pictureOf(victim), before, 'after the removal');
});

t.test('a file that nodes share is given to none of them', { skip }, async (t) => {
  const directory = t.testdir({ tree: { shared: 'code' }, root: { own: 'mine', folder: { deep: 'mine' } } });
  linkSync(join(directory, 'tree', 'shared'), join(directory, 'root', 'shared'));
  symlinkSync('/etc/passwd', join(directory, 'root', 'link'));
  const passwd = statSync('/etc/passwd').uid;
  await giveTree(join(directory, 'root'), runAs('nobody', path)!);
  const uids = Object.fromEntries(['', 'own', 'folder', 'folder/deep', 'shared', 'link'].map((name) => [name, lstatSync(join(directory, 'root', name)).uid]));
  const theirs = user?.uid;
  t.strictSame(uids, { '': theirs, own: theirs, folder: theirs, 'folder/deep': theirs, shared: 0, link: theirs });
  t.equal(statSync('/etc/passwd').uid, passwd, 'a link is not followed');
});

t.test('limits hold for the node', { skip }, async (t) => {
  const host = await hostWith(t, { 'bin/greedy': '#!/bin/sh\nsleep 0.3; exec head -c 200000000 /dev/zero | tail\n' });
  const [limited, greedy] = [newId('node'), newId('node')];
  const none = { openFiles: 0n, processes: 0n, nice: 0, runAs: '', memoryBytes: 0n };
  const greedySpec = nodeSpec({ limits: { ...none, memoryBytes: 40_000_000n, runAs: 'nobody' }, runs: { start: ['bin/greedy'], ready: { kind: { $case: 'aliveFor', value: durationFromMs(20_000) } } } });
  await host.assign(assignment(limited, { spec: nodeSpec({ limits: { ...none, openFiles: 123n, processes: 456n, nice: 7, runAs: 'nobody' } }) }));
  const { pid } = await host.reaches(limited, NodePhase.READY);
  const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
  t.match(limits, /^Max open files +123 +123/m);
  t.match(limits, /^Max processes +456 +456/m);
  t.equal(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[16], String(Math.min(19, getPriority() + 7)), 'nicer than the agent by 7');

  if (new MemoryGroups().kind === 'none') return t.comment('no control groups here');
  await host.assign(assignment(greedy, { spec: greedySpec }));
  const failed = await host.reaches(greedy, NodePhase.FAILED);
  t.match(failed.lastError, { code: 'WO_NODE_EXITED', message: /more than the 40000000 bytes of memory/ });
  await host.assign(assignment(greedy, { generation: 2n, desired: DesiredState.ABSENT, spec: undefined }));
  await host.reaches(greedy, NodePhase.ABSENT);
});
