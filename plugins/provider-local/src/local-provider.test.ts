import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attribute, FailureKind, MachineState, type CreateHostResult } from '@wombat/plugin-sdk';
import t from 'tap';
import { startTimeOf } from './processes.js';
import { call, eventually, hostId, isPidAlive, LocalTest, machineOf, spec } from './testing/local-test.js';

const hasEpmd = spawnSync('epmd', ['-names']).error === undefined;

function failureOf(result: CreateHostResult | undefined) {
  return result?.outcome?.$case === 'failure' ? { kind: result.outcome.value.kind, field: result.outcome.value.field } : undefined;
}

t.test('create, list and destroy', async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  const provider = await test.open({ subnet: '127.93.7' });
  const results = await provider.createHosts([spec(1, { labels: [attribute('role', 'web')] }), spec(2)], call);
  const machines = results.map(machineOf);
  t.strictSame(machines.map(({ key, hostId: id, addresses }) => ({ key, id, addresses })), [
    { key: 'key-1', id: hostId(1), addresses: ['127.93.7.1'] },
    { key: 'key-2', id: hostId(2), addresses: ['127.93.7.2'] },
  ]);
  t.equal(machines[0]!.state, MachineState.RUNNING);
  t.strictSame(machines[0]!.tags, { 'wombat-cluster': 'localtest', 'wombat-host': hostId(1), 'wombat-key': 'key-1' });

  await eventually('both agents have started', () => test.starts(1).length === 1 && test.starts(2).length === 1);
  const words = test.readJson(1, 'arguments.json') as string[];
  const directory = test.hostDirectory(1);
  t.strictSame(words.slice(0, 6), ['--directory', directory, '--join-token-file', join(directory, 'join-token'), '--address', '127.93.7.1']);
  t.equal(words[words.indexOf('--epmd-addresses') + 1]!.split(',').length, 13, 'epmd is told as many addresses as it can take');
  t.equal(words[words.indexOf('--epmd-directory') + 1], join(test.data, 'epmd'));
  t.equal(words[words.indexOf('--label') + 1], 'role=web');
  t.equal((test.readJson(1, 'environment.json') as Record<string, string>)['WOMBAT_HOST_ID'], hostId(1));
  t.equal(statSync(join(test.data, 'records', `${hostId(1)}.json`)).mode & 0o777, 0o600, 'records are for the owner alone');

  t.strictSame((await provider.listHosts()).map(({ machineId }) => machineId).sort(), [hostId(1), hostId(2)]);
  const [pid] = test.starts(1);
  t.strictSame(await provider.destroyHosts([hostId(1), 'host-neverwashere', '../../etc']), [
    { machineId: hostId(1), failure: undefined }, { machineId: 'host-neverwashere', failure: undefined }, { machineId: '../../etc', failure: undefined },
  ], 'destroying what is absent succeeds');
  t.notOk(isPidAlive(pid!), 'the agent has ended');
  t.notOk(existsSync(directory), 'its directory is gone');
  t.ok(isPidAlive(test.starts(2)[0]!), 'the other host is left alone');
  t.strictSame((await provider.listHosts()).map(({ machineId }) => machineId), [hostId(2)]);
  t.strictSame(machineOf((await provider.createHosts([spec(3)], call))[0]).addresses, ['127.93.7.1'], 'the address of a destroyed host is free again');
});

t.test('create is idempotent by key, also when called at once', async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  const provider = await test.open();
  const answers = await Promise.all([1, 2, 3].map(async () => (await provider.createHosts([spec(1)], call))[0]));
  answers.push((await provider.createHosts([spec(1)], call))[0]);
  t.equal(new Set(answers.map((answer) => machineOf(answer).addresses[0])).size, 1, 'one key has one address');
  await eventually('the agent has started', () => test.starts(1).length > 0);
  t.equal(test.starts(1).length, 1, 'one agent was started');
  t.strictSame(failureOf((await provider.createHosts([spec(2, { key: 'key-1' })], call))[0]), { kind: FailureKind.INVALID, field: 'key' });
});

t.test('many hosts have distinct addresses', async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  const provider = await test.open({ settleMs: 0 });
  // Numbers of hosts, not of agents, are what this is about: the program ends at once.
  test.mode = 'dies';
  await provider.close();
  const results = await provider.createHosts(Array.from({ length: 30 }, (_, index) => spec(index)), call);
  t.equal(new Set(results.map((result) => machineOf(result).addresses[0])).size, 30);
  const served = results.map((result) => machineOf(result).attributes.find(({ key }) => key === 'erlang.epmd-serves-host')?.value?.kind?.value);
  t.strictSame(served, Array.from({ length: 30 }, (_, index) => index < 13), 'the first 13 are served by epmd');
});

t.test('what is not listed is refused, naming the field', async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  const provider = await test.open({ zones: ['a', 'b'] });
  const wrong = {
    image: spec(1, { image: 'ami-123' }), hardwareProfile: spec(1, { hardwareProfile: 'large' }), region: spec(1, { region: 'eu-west-1' }),
    zone: spec(1, { zone: 'c' }), hostId: spec(1, { hostId: '../etc' }), key: spec(1, { key: 'no spaces' }),
  };
  for (const [field, each] of Object.entries(wrong)) {
    t.strictSame(failureOf((await provider.createHosts([each], call))[0]), { kind: FailureKind.INVALID, field }, `a wrong ${field} must be refused`);
  }
  t.strictSame(await provider.listHosts(), [], 'a refused host leaves nothing');
  t.strictSame((await provider.listZones()).map(({ id }) => id), ['a', 'b']);
  const [image] = (await provider.listImages({ region: '', query: '', pageSize: 10, pageToken: '' })).images;
  const [profile] = (await provider.listHardwareProfiles()).hardwareProfiles;
  t.strictSame([image?.id, profile.id], ['local', 'host']);
  t.ok(profile.cpuCores >= 1 && profile.memoryBytes > 0n, 'the profile has the cores and memory of this machine');
  machineOf((await provider.createHosts([spec(1, { image: image!.id, hardwareProfile: profile.id, zone: 'b', region: 'local' })], call))[0]);
});

t.test('a killed agent is started again, and joins no second time', async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  const provider = await test.open();
  await provider.createHosts([spec(1)], call);
  await eventually('the agent has started', () => test.starts(1).length === 1);
  process.kill(test.starts(1)[0]!, 'SIGKILL');
  await eventually('it is started again', () => test.starts(1).length === 2);
  t.notOk((test.readJson(1, 'arguments.json') as string[]).includes('--join-token-file'), 'an agent that has joined needs no token');
  t.strictSame(test.host.askedFor, [hostId(1)], 'one token was asked for');
  t.equal((await provider.listHosts())[0]?.state, MachineState.RUNNING);
});

t.test('an agent that dies before it has joined gets a new token', async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  test.mode = 'never-joins';
  const provider = await test.open({ settleMs: 50 });
  await provider.createHosts([spec(1)], call);
  await eventually('the agent has started', () => test.starts(1).length === 1);
  const token = join(test.hostDirectory(1), 'join-token');
  t.equal(statSync(token).mode & 0o777, 0o600, 'the token is for the owner alone');
  writeFileSync(token, 'out of date');
  process.kill(test.starts(1)[0]!, 'SIGKILL');
  await eventually('it is started again', () => test.starts(1).length === 2);
  t.equal(readFileSync(token, 'utf8'), `token-of-${hostId(1)}\n`);
});

t.test('agents live on when the driver is closed, and are adopted by the next, never doubled', async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  const first = await test.open();
  const address = machineOf((await first.createHosts([spec(1)], call))[0]).addresses;
  await eventually('the agent has started', () => test.starts(1).length === 1);
  await first.close();
  const [pid] = test.starts(1);
  t.ok(isPidAlive(pid!), 'closing leaves the agent alone');

  const second = await test.open();
  t.strictSame((await second.listHosts()).map(({ addresses }) => addresses), [address], 'subnet and address are kept');
  machineOf((await second.createHosts([spec(1)], call))[0]);
  t.strictSame(test.starts(1), [pid], 'the running agent is the one');
  process.kill(pid!, 'SIGKILL');
  await eventually('the second instance starts it again', () => test.starts(1).length === 2);
  t.ok(isPidAlive(test.starts(1)[1]!), 'the new agent lives');
});

t.test('an agent that died while nobody watched is started by the next instance', async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  const first = await test.open();
  await first.createHosts([spec(1)], call);
  await eventually('the agent has started', () => test.starts(1).length === 1);
  await first.close();
  process.kill(test.starts(1)[0]!, 'SIGKILL');
  await eventually('it is dead', () => !isPidAlive(test.starts(1)[0]!));
  await test.open();
  await eventually('it is started', () => test.starts(1).length === 2);
  t.ok(isPidAlive(test.starts(1)[1]!), 'the new agent lives');
});

t.test('a crash between intent and start: the host is started once', async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  const first = await test.open({ subnet: '127.93.8' });
  await first.close();
  test.writeRecord(1, intent());
  const second = await test.open({ supervision: neverSweeps });
  t.equal((await second.listHosts())[0]?.state, MachineState.CREATING);
  t.strictSame(machineOf((await second.createHosts([spec(1)], call))[0]).addresses, ['127.93.8.9'], 'the address that was meant');
  await eventually('the agent has started', () => test.starts(1).length === 1);
  t.equal(test.record(1)['pid'], test.starts(1)[0], 'the start is on record');
});

t.test('a crash between start and its record: the running agent is found, not its nodes', async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  const first = await test.open({ subnet: '127.93.8' });
  await first.close();
  test.writeRecord(1, intent());
  // The start as the dead coordinator did it, and a node of the host beside it.
  mkdirSync(test.hostDirectory(1), { recursive: true });
  const { argv } = test.agentCommand(hostId(1));
  const environment = { PATH: process.env['PATH'], WOMBAT_HOST_ID: hostId(1) };
  const node = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { env: environment, detached: true, stdio: 'ignore' });
  await eventually('the node lives', () => isPidAlive(node.pid!));
  const agent = spawn(argv[0]!, [...argv.slice(1), '--directory', test.hostDirectory(1)], { env: environment, detached: true, stdio: 'ignore' });
  await eventually('the agent has started', () => test.starts(1).length === 1);

  const second = await test.open({ supervision: neverSweeps });
  machineOf((await second.createHosts([spec(1)], call))[0]);
  t.strictSame(test.starts(1), [agent.pid], 'no second agent was started');
  t.equal(test.record(1)['pid'], agent.pid, 'the agent was adopted');
  await second.destroyHosts([hostId(1)]);
  t.notOk(isPidAlive(node.pid!), 'the node of the host has ended with it');
});

t.test('a host that was being destroyed when the coordinator died is not started again', async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  const first = await test.open({ subnet: '127.93.8' });
  await first.close();
  test.writeRecord(1, { ...intent(), desired: 'absent' });
  const second = await test.open();
  t.equal((await second.listHosts())[0]?.state, MachineState.DESTROYING);
  t.strictSame(failureOf((await second.createHosts([spec(1)], call))[0])?.kind, FailureKind.UNAVAILABLE);
  t.strictSame(await second.destroyHosts([hostId(1)]), [{ machineId: hostId(1), failure: undefined }]);
  t.strictSame(await second.listHosts(), []);
});

t.test('destroying ends what does not want to end: agent and nodes', async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  const provider = await test.open();
  test.mode = 'stubborn';
  await provider.createHosts([spec(1)], call);
  test.mode = 'node-stubborn';
  await provider.createHosts([spec(2)], call);
  await eventually('both agents have started', () => test.starts(1).length === 1 && test.starts(2).length === 1);
  const pids = [...test.starts(1), ...test.starts(2), Number(readFileSync(join(test.hostDirectory(2), 'node.pid'), 'utf8'))];
  // A release tree is read-only.
  const tree = join(test.hostDirectory(1), 'releases', 'tree');
  mkdirSync(tree, { recursive: true });
  writeFileSync(join(tree, 'file'), '');
  chmodSync(tree, 0o555);
  await provider.destroyHosts([hostId(1), hostId(2)]);
  t.strictSame(pids.map(isPidAlive), [false, false, false], 'nothing of the hosts lives');
  t.notOk(existsSync(test.hostDirectory(1)));
});

t.test('a program that cannot be started is a failure that leaves nothing', async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  test.agentCommand = () => ({ argv: ['/does/not/exist'], environment: {}, joinToken: 'x' });
  const provider = await test.open();
  t.equal(failureOf((await provider.createHosts([spec(1)], call))[0])?.kind, FailureKind.UNAVAILABLE);
  t.strictSame(await provider.listHosts(), []);
  t.notOk(existsSync(test.hostDirectory(1)), 'no directory is left');
});

t.test('what was given up while it waited is not made', async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  const provider = await test.open();
  const given = new AbortController();
  given.abort(new Error('given up'));
  const [result] = await provider.createHosts([spec(1)], { signal: given.signal });
  t.equal(failureOf(result)?.kind, FailureKind.UNAVAILABLE);
  t.strictSame(await provider.listHosts(), []);
  t.strictSame(failureOf((await provider.createHosts([spec(1, { labels: [attribute('Bad', 'x')] })], call))[0]), { kind: FailureKind.INVALID, field: 'labels' });
  t.strictSame(await provider.listHosts(), [], 'a refused label leaves nothing');
});

t.test('the coordinator\'s own environment stays behind', async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  process.env['WO_TEST_SECRET'] = 'canary';
  t.teardown(() => delete process.env['WO_TEST_SECRET']);
  const provider = await test.open();
  await provider.createHosts([spec(1)], call);
  await eventually('the agent has started', () => test.starts(1).length === 1);
  t.notOk(JSON.stringify(test.readJson(1, 'environment.json')).includes('canary'));
});

t.test('epmd serves all hosts and ends with the last', { skip: hasEpmd ? false : 'epmd is not installed' }, async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  const provider = await test.open();
  const machines = (await provider.createHosts([spec(1), spec(2)], call)).map(machineOf);
  await eventually('both agents have started', () => test.starts(1).length === 1 && test.starts(2).length === 1);
  const port = machines[0]!.attributes.find(({ key }) => key === 'erlang.epmd-port')?.value?.kind;
  t.equal(port?.$case, 'integer', 'machines tell the port of epmd');
  const words = test.readJson(1, 'arguments.json') as string[];
  const addresses = words[words.indexOf('--epmd-addresses') + 1]!;
  // Started by the agent of the first host, whose id it therefore carries.
  const epmd = spawn('epmd', ['-port', String(port?.value)], {
    env: { PATH: process.env['PATH'], ERL_EPMD_ADDRESS: addresses, WOMBAT_HOST_ID: hostId(1) }, stdio: 'ignore', detached: true,
  });
  // On the last of the addresses: it ends when there are too many of them.
  await eventually('epmd answers', () => spawnSync('bash', ['-c', `: < /dev/tcp/${addresses.split(',').at(-1)}/${port?.value}`]).status === 0);
  mkdirSync(join(test.data, 'epmd'));
  writeFileSync(join(test.data, 'epmd', 'epmd.json'), JSON.stringify({ pid: epmd.pid, startTime: startTimeOf(epmd.pid!), port: Number(port?.value) }));
  await provider.destroyHosts([hostId(1)]);
  t.ok(isPidAlive(epmd.pid!), 'epmd serves the host that is left');
  await provider.destroyHosts([hostId(2)]);
  t.notOk(isPidAlive(epmd.pid!), 'epmd has ended with the last host');
});

t.test('verify tells where hosts will be', async (t) => {
  const test = new LocalTest();
  t.teardown(() => test.end());
  const provider = await test.open({ subnet: '127.93.9' });
  t.match((await provider.verify()).identity, '127.93.9.1');
  t.strictSame(await provider.listRegions(), [{ id: 'local', name: 'this machine' }]);
});

const neverSweeps = { sweepMs: 3_600_000, firstDelayMs: 1, longestDelayMs: 1, steadyMs: 1 };

function intent(): Record<string, unknown> {
  return {
    version: 1, key: 'key-1', hostId: hostId(1), address: '127.93.8.9', createdAt: 1, desired: 'present', argv: [], environment: {}, labels: [],
    tags: { 'wombat-cluster': 'localtest', 'wombat-host': hostId(1), 'wombat-key': 'key-1' },
  };
}
