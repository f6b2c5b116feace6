import { chmodSync, copyFileSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { durationFromMs, newId, systemClock } from '@wombat/proto';
import { DesiredState, NodePhase, Outcome, type NodeSpec } from '@wombat/proto/agent';
import t from 'tap';
import { findAccount } from '../accounts/account.js';
import { runAs } from '../accounts/run-as.js';
import { findErts } from '../facts/erts.js';
import { TestHost, assignment, kill, nodeSpec } from '../nodes/testing/host.js';
import { findProgram } from '../processes/find-program.js';
import { isAlive, readStat } from '@wombat/proto/processes';
import { Runner } from '../processes/runner.js';
import { freePort } from '../testing/free-port.js';
import { until } from '../testing/until.js';
import { Epmd, answersNames, type EpmdRecord } from './epmd.js';
import { EpmdKeeper } from './epmd-keeper.js';

const noRelease = { treeDirectory: '/nonexistent', runAs: () => undefined };

const cookie = 'wombattestcookie';

function erlangSpec(epmdPort: number, base = 'x'): NodeSpec {
  return nodeSpec({
    name: `${base}-1`,
    address: '127.0.0.1',
    erlang: { nodeName: `${base}@127.0.0.1`, cookie: Buffer.from(cookie), distributionPort: 0, epmdPort, longNames: true },
    runs: {
      start: ['erl', '-noinput', '-name', `${base}@127.0.0.1`, '-kernel', 'inet_dist_use_interface', '{127,0,0,1}'],
      ready: { kind: { $case: 'erlangPing', value: {} } },
      stopTimeout: durationFromMs(20_000),
    },
  });
}

/** Every argv of the machine, looked at again and again while the work goes on. */
function watchArguments(): () => string[] {
  const seen = new Set<string>();
  const look = (): void => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const text = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        if (text.includes(cookie)) seen.add(text);
      } catch {
        // Ended.
      }
    }
  };
  const timer = setInterval(look, 1);
  return () => {
    clearInterval(timer);
    return [...seen];
  };
}

t.test('a real Erlang node', { skip: findProgram('erl', '/', process.env.PATH ?? '') ? false : 'Erlang is not installed' }, async (t) => {
  const host = new TestHost();
  await host.start();
  const epmdPort = await freePort();
  t.teardown(async () => {
    const record = JSON.parse(readFileSync(join(host.directory, 'epmd', 'epmd.json'), 'utf8')) as EpmdRecord;
    await host.end();
    kill(record.pid);
  });
  const argumentsWithCookie = watchArguments();
  const nodeId = newId('node');
  await host.assign(assignment(nodeId, { spec: erlangSpec(epmdPort) }));
  const ready = await host.reaches(nodeId, NodePhase.READY);
  const evaluate = async (expressions: string): Promise<{ outcome: Outcome; stdout: string; stderr: string }> => {
    host.outcomes.length = 0;
    await host.exec([nodeId], { $case: 'erlangEval', value: { expressions } });
    const { outcome, stdout, stderr } = await host.outcome(nodeId);
    return { outcome, stdout: stdout?.head.toString() ?? '', stderr: stderr?.head.toString() ?? '' };
  };

  await t.test('the epmd is one of ours, and carries nothing of the node', (t) => {
    const record = JSON.parse(readFileSync(join(host.directory, 'epmd', 'epmd.json'), 'utf8')) as EpmdRecord;
    t.equal(record.port, epmdPort);
    t.ok(isAlive(record));
    const environment = readFileSync(`/proc/${record.pid}/environ`, 'latin1');
    t.match(environment, 'WOMBAT_EPMD=1');
    t.notMatch(environment, nodeId);
    t.notMatch(environment, host.hostId);
    t.notMatch(environment, cookie);
    const home = join(host.agentDirectory, 'nodes', nodeId, 'home');
    t.equal(statSync(join(home, '.erlang.cookie')).mode & 0o777, 0o400);
    t.end();
  });

  await t.test('expressions have the value of the last', async (t) => {
    t.strictSame(await evaluate('erlang:node().'), { outcome: Outcome.OK, stdout: "'x@127.0.0.1'\n", stderr: '' });
    t.strictSame(await evaluate('X = 1.\nY = X + 1.\n{X, Y, "z\u00e9", <<1>>, #{a => 2.5}}.'), { outcome: Outcome.OK, stdout: '{1,2,"z\u00e9",<<1>>,#{a => 2.5}}\n', stderr: '' });
    t.strictSame(await evaluate('erlang:node()'), { outcome: Outcome.OK, stdout: "'x@127.0.0.1'\n", stderr: '' }, 'the last period may be left out');
    t.equal((await evaluate('lists:seq(1, 40000).')).outcome, Outcome.OK, 'values larger than one string of the wire');
  });

  await t.test('what fails says why, and nothing escapes the quoting', async (t) => {
    t.match(await evaluate('1 / 0.'), { outcome: Outcome.FAILED, stdout: '', stderr: 'error: badarith' });
    t.match(await evaluate('foo bar.'), { outcome: Outcome.FAILED, stderr: 'line 1: syntax error before: ' });
    t.match(await evaluate('exit(enough).'), { outcome: Outcome.FAILED, stderr: 'exit: enough' });
    t.match(await evaluate('"abc'), { outcome: Outcome.FAILED, stderr: 'line 1: unterminated string' });
    t.match(await evaluate('") end. init:stop(). %'), { outcome: Outcome.FAILED });
    t.equal((await evaluate('ok.')).outcome, Outcome.OK, 'it runs on');
  });

  await t.test('a node that ends while it evaluates', async (t) => {
    t.match(await evaluate('erlang:disconnect_node(hd(nodes(hidden))), timer:sleep(5000).'), { outcome: Outcome.FAILED, stderr: /^the node ended, or its connection was lost, before it answered\n?$/ });
  });

  await t.test('a function is applied', async (t) => {
    host.outcomes.length = 0;
    await host.exec([nodeId], { $case: 'erlangApply', value: { module: 'lists', function: 'append', arguments: '[[a,"b"],[c]]' } });
    const outcome = await host.outcome(nodeId);
    t.equal(outcome.outcome, Outcome.OK);
    t.equal(outcome.stdout?.head.toString(), '[a,"b",c]\n');
    host.outcomes.length = 0;
    await host.exec([nodeId], { $case: 'erlangApply', value: { module: "it's", function: 'none', arguments: '' } });
    t.equal((await host.outcome(nodeId)).outcome, Outcome.FAILED);
  });

  await t.test('an evaluation can take too long, and be killed', async (t) => {
    host.outcomes.length = 0;
    await host.exec([nodeId], { $case: 'erlangEval', value: { expressions: 'timer:sleep(60000).' } }, { timeoutMs: 100 });
    t.equal((await host.outcome(nodeId)).outcome, Outcome.TIMED_OUT);
    host.outcomes.length = 0;
    const jobId = newId('job');
    await host.exec([nodeId], { $case: 'erlangEval', value: { expressions: 'timer:sleep(60000).' } }, { jobId });
    host.core.cancelExec({ jobId, targetIds: [] });
    t.equal((await host.outcome(nodeId)).outcome, Outcome.KILLED);
  });

  await t.test('two nodes meet by the same epmd', async (t) => {
    const other = newId('node');
    await host.assign(assignment(other, { spec: erlangSpec(epmdPort, 'y') }));
    await host.reaches(other, NodePhase.READY);
    t.match(await evaluate("net_kernel:connect_node('y@127.0.0.1')."), { stdout: 'true\n' });
    t.match(await evaluate('nodes().'), { stdout: "['y@127.0.0.1']\n" });
  });

  await t.test('an epmd that dies is started again, and the nodes find it', async (t) => {
    const { pid } = JSON.parse(readFileSync(join(host.directory, 'epmd', 'epmd.json'), 'utf8')) as EpmdRecord;
    kill(pid);
    await until(() => !readStat(pid), 'epmd to be gone');
    const epmd = new Epmd({ runner: new Runner(), clock: systemClock, directory: join(host.directory, 'epmd'), addresses: [], path: process.env.PATH ?? '' });
    const keeper = new EpmdKeeper({ epmd, log: host.log.log, uses: () => [{ port: epmdPort, ...noRelease }] });
    await keeper.look();
    const record = JSON.parse(readFileSync(join(host.directory, 'epmd', 'epmd.json'), 'utf8')) as EpmdRecord;
    t.not(record.pid, pid);
    await until(async () => (await evaluate('ok.')).outcome === Outcome.OK, 'the node to register again');
    t.ok(isAlive(record));
  });

  await t.test('it is adopted, killed, started again, and stopped in good order', async (t) => {
    await host.restart();
    t.match(host.status(nodeId), { phase: NodePhase.READY, pid: ready.pid });
    kill(ready.pid);
    const again = await host.reaches(nodeId, NodePhase.READY, ({ restarts }) => restarts === 1);
    t.equal(again.lastError?.code, 'WO_NODE_EXITED');
    await host.assign(assignment(nodeId, { generation: 2n, desired: DesiredState.STOPPED, spec: erlangSpec(epmdPort) }));
    const stopped = await host.reaches(nodeId, NodePhase.STOPPED);
    t.strictSame(stopped.lastExit, { kind: { $case: 'code', value: 0 } });
    t.ok(host.log.lines.some((line) => line.includes('"step":"action"')), 'init:stop was enough');
    t.ok(await answersNames(epmdPort), 'the epmd is there for the others');
  });

  t.strictSame(argumentsWithCookie(), [], 'no argv ever held the cookie');
});

t.test('an epmd with more addresses than it can serve is refused', async (t) => {
  const addresses = Array.from({ length: 15 }, (_, index) => `127.0.4.${index + 1}`);
  const epmd = new Epmd({ runner: new Runner(), clock: systemClock, directory: t.testdir(), addresses, path: '/usr/bin' });
  await t.rejects(epmd.ensure(await freePort(), noRelease), { code: 'WO_ADDRESS_LIMIT' });
  const nowhere = new Epmd({ runner: new Runner(), clock: systemClock, directory: t.testdir(), addresses: [], path: '/nonexistent' });
  await t.rejects(nowhere.ensure(await freePort(), noRelease), { code: 'WO_ERLANG_MISSING' });
});

const user = findAccount('nobody');
const hasErlang = findProgram('erl', '/', process.env.PATH ?? '') !== undefined;
const isAble = hasErlang && process.getuid?.() === 0 && user !== undefined && findProgram('setpriv', '/', process.env.PATH ?? '') !== undefined;
const skipOthers = isAble ? false : 'needs Erlang, root, setpriv and the user nobody';

t.test('an Erlang node of another user', { skip: skipOthers }, async (t) => {
  const host = new TestHost();
  chmodSync(host.directory, 0o711);
  await host.start();
  const epmdPort = await freePort();
  t.teardown(async () => {
    const record = JSON.parse(readFileSync(join(host.directory, 'epmd', 'epmd.json'), 'utf8')) as EpmdRecord;
    await host.end();
    kill(record.pid);
  });
  const nodeId = newId('node');
  const limits = { openFiles: 0n, processes: 0n, nice: 0, runAs: 'nobody', memoryBytes: 0n };
  await host.assign(assignment(nodeId, { spec: { ...erlangSpec(epmdPort, 'u'), limits } }));
  const { pid } = await host.reaches(nodeId, NodePhase.READY);
  t.equal(statSync(`/proc/${pid}`).uid, user?.uid, 'the virtual machine');
  const { uid, mode } = statSync(join(host.agentDirectory, 'nodes', nodeId, 'home', '.erlang.cookie'));
  t.strictSame([uid, mode & 0o777], [user?.uid, 0o400], 'its cookie');
  await host.exec([nodeId], { $case: 'erlangEval', value: { expressions: 'os:cmd("id -un").' } });
  t.equal(Buffer.from((await host.outcome(nodeId)).stdout?.head ?? []).toString(), '"nobody\\n"\n');
  await host.assign(assignment(nodeId, { generation: 2n, desired: DesiredState.STOPPED, spec: { ...erlangSpec(epmdPort, 'u'), limits } }));
  t.strictSame((await host.reaches(nodeId, NodePhase.STOPPED)).lastExit, { kind: { $case: 'code', value: 0 } }, 'init:stop was enough');
});

t.test('an epmd out of a release is run by the user of its node', { skip: skipOthers }, async (t) => {
  const directory = t.testdir();
  for (let folder = directory; folder !== '/'; folder = join(folder, '..')) if ((statSync(folder).mode & 0o001) === 0) return t.comment(`${folder} is closed to others`);
  const [erts] = findErts();
  const bin = join(directory, 'tree', `erts-${erts?.version}`, 'bin');
  mkdirSync(bin, { recursive: true });
  copyFileSync(join(erts!.path, `erts-${erts?.version}`, 'bin', 'epmd'), join(bin, 'epmd'));
  const port = await freePort();
  const epmd = new Epmd({ runner: new Runner(), clock: systemClock, directory: join(directory, 'epmd'), addresses: [], path: '/nonexistent' });
  await epmd.ensure(port, { treeDirectory: join(directory, 'tree'), runAs: () => runAs('nobody', process.env.PATH ?? '') });
  const { pid } = JSON.parse(readFileSync(join(directory, 'epmd', 'epmd.json'), 'utf8')) as EpmdRecord;
  t.teardown(() => kill(pid));
  t.equal(statSync(`/proc/${pid}`).uid, user?.uid);
});
