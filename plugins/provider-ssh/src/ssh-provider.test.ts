import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FailureKind, MachineState, ProviderError, type Machine } from '@wombat/plugin-sdk';
import t, { type Test } from 'tap';
import { call, failureOf, joinToken, keysOf, machineOf, spec, Stage, until } from './testing/stage.js';
import { newKey, withoutSshd } from './testing/sshd.js';

t.setTimeout(120_000);
const skip = withoutSshd();

function check(name: string, run: (t: Test) => Promise<void>): void {
  void t.test(name, { skip }, run);
}

async function refusalOf(work: Promise<unknown>): Promise<ProviderError> {
  const error: unknown = await work.then(() => undefined, (reason: unknown) => reason);
  if (ProviderError.is(error)) return error;
  throw new Error(`it should have been refused, not ${String(error)}`);
}

const statesOf = (machines: readonly Machine[]) => machines.map(({ machineId, state }) => [machineId, MachineState[state]]);

check('a machine becomes a host with its tags, and is given back without a trace', async (t) => {
  const stage = await Stage.open(t, { spelled: () => ({ zone: 'rack-1', region: 'cellar', labels: { rack: 'b2' }, internalAddress: '10.9.8.7' }) });
  t.strictSame(await stage.list(), [], 'nobody has it');
  const made = machineOf(await stage.create(spec(1, { zone: 'rack-1' })));
  t.match(made, { machineId: 'm0/host-aaaaaaaaaaab', state: MachineState.RUNNING, hostId: 'host-aaaaaaaaaaab', key: 'key-1', tags: { team: 'riak = "x"', 'wombat-cluster': 'cluster-one' }, addresses: ['10.9.8.7'] });
  t.strictSame(await stage.list(), [made], 'the list shows the same');
  t.equal(stage.read(0, 'service'), `0022 start ${join(stage.machines[0]!.home, '.wombat-agent/opt/wombat-agent')} ${stage.machines[0]!.user}\n`, 'each look has it started where it does not run');
  t.strictSame(stage.read(0, 'options').split('\n').sort(), ['', '--address 10.9.8.7', '--label rack=b2'], 'the agent is told address and labels');
  t.equal(new TextDecoder().decode(await stage.provider.getConsoleLog(made.machineId, call())), '', 'the installation had nothing to say');
  t.strictSame(await stage.provider.getQuota('', call()), [{ name: 'hosts', limit: 1, used: 1 }]);
  t.strictSame([await stage.provider.listRegions(), await stage.provider.listZones('cellar')], [[{ id: 'cellar', name: 'cellar' }], [{ id: 'rack-1', region: 'cellar' }]]);
  t.match(failureOf(await stage.create(spec(2, { zone: 'rack-2' }))), { kind: FailureKind.INVALID, field: 'zone', message: 'there are machines in rack-1' });
  t.match(failureOf(await stage.create(spec(2, { image: 'debian' }))), { kind: FailureKind.INVALID, field: 'image', message: 'there is one image, as-is' });
  await stage.destroy('m0/host-bbbbbbbbbbbb', made.machineId, made.machineId);
  t.strictSame(stage.left(0), ['begun'], 'only what the stand-in leaves itself');
  t.notMatch(JSON.stringify(stage.host.lines), joinToken, 'the token is in no log');
});

check('taken and silent machines are passed over; when none is left that is said with reasons', async (t) => {
  const stage = await Stage.open(t, { machines: 3 });
  const rival = await stage.rival();
  machineOf(await rival.create(spec(9)));
  mkdirSync(join(stage.machines[1]!.home, '.wombat-agent/opt/wombat-agent'), { recursive: true });
  t.equal(machineOf(await stage.create(spec(1))).machineId, 'm2/host-aaaaaaaaaaab', 'the first belongs to another coordinator, the second has an agent of its own');
  const quota = failureOf(await stage.create(spec(2)));
  t.match(quota, { kind: FailureKind.QUOTA, mayRetry: false, message: 'no machine is free: of 3 1 is a host, 1 belongs to another coordinator, 1 has an agent that was installed by hand' });
  t.strictSame([keysOf(await stage.list()), keysOf(await rival.list())], [['key-1'], ['key-9']], 'each lists its own');
  const { identity, notes } = await stage.provider.verify(call());
  t.strictSame([identity, notes.map(({ message }) => message.replace(/\(127.*?\)/, '()'))], ['3 machines, 0 free', ['m0 (): it belongs to another coordinator (cluster-two)', 'm1 (): an agent was installed on it by hand; it is left alone']]);

  await stage.destroy('m0/host-aaaaaaaabaab');
  t.match(keysOf(await rival.list()), ['key-9'], 'what is another coordinator\'s cannot be given back');
  await stage.machines[0]!.stop();
  const capacity = failureOf(await stage.create(spec(2)));
  t.match(capacity, { kind: FailureKind.CAPACITY, mayRetry: false, message: /1 cannot be used \(m0 \(127\.0\.0\.1:\d+\): nobody listens there\)/ });
});

check('a machine that is away is not told as gone', async (t) => {
  const stage = await Stage.open(t, { machines: 2 });
  const made = machineOf(await stage.create(spec(1)));
  await stage.machines[0]!.stop();
  t.strictSame(statesOf(await stage.list()), [[made.machineId, 'STOPPED']], 'it is listed as it was known last');
  await stage.connect();
  t.strictSame(statesOf(await stage.list()), [[made.machineId, 'STOPPED']], 'also by a coordinator that was started again');
  t.match(failureOf(await stage.create(spec(1))), { kind: FailureKind.UNAVAILABLE, mayRetry: true }, 'its key gets no other machine');
  await t.rejects(stage.destroy(made.machineId), /nobody listens there/, 'nor is it given back unasked');
  await stage.machines[1]!.stop();
  t.strictSame(statesOf(await stage.list()), [[made.machineId, 'STOPPED']], 'that there was nothing on the other is known, too');

  const newcomer = await stage.rival();
  t.match(await refusalOf(newcomer.list()), { kind: FailureKind.UNAVAILABLE, message: /what is on m0 .* is not known; mend it, or take it out of the inventory/ }, 'where nothing is known there is no list');
  await stage.machines[0]!.start();
  await stage.destroy(made.machineId);
  t.strictSame(stage.left(0), ['begun']);
});

check('an installation goes on when its call was taken back, and whoever asks again finds it', async (t) => {
  const stage = await Stage.open(t, { machines: 2 });
  stage.tell(0, 'wait');
  const given = new AbortController();
  const creation = stage.create(spec(1), given.signal);
  await until('the installation has begun', () => stage.read(0, 'begun') !== '');
  given.abort(new Error('taken back'));
  t.match(failureOf(await creation), { kind: FailureKind.UNAVAILABLE, message: /called off; what had begun goes on/ });
  await stage.machines[0]!.stop();
  await stage.machines[0]!.start();
  await stage.connect();
  t.strictSame(statesOf(await stage.list()), [['m0/host-aaaaaaaaaaab', 'CREATING']], 'its connection, its sshd and its coordinator died');
  const again = [stage.create(spec(1)), stage.create(spec(1))];
  stage.untell(0, 'wait');
  for (const each of await Promise.all(again)) t.equal(machineOf(each).state, MachineState.RUNNING);
  t.equal(stage.read(0, 'begun'), 'begun\n', 'it was installed once');
  t.strictSame([statesOf(await stage.list()), stage.left(1)], [[['m0/host-aaaaaaaaaaab', 'RUNNING']], []], 'on one machine');
});

check('an installation that died with its machine is taken up by the next look', async (t) => {
  const stage = await Stage.open(t);
  stage.tell(0, 'wait');
  const given = new AbortController();
  const creation = stage.create(spec(1), given.signal);
  await until('the installation has begun', () => stage.read(0, 'begun') !== '');
  given.abort(new Error('taken back'));
  await creation;
  process.kill(-Number(stage.read(0, '.wombat-host/worker')), 'SIGKILL');
  stage.untell(0, 'wait');
  await until('it is installed', async () => (await stage.list())[0]?.state === MachineState.RUNNING);
  t.equal(stage.read(0, 'begun'), 'begun\nbegun\n', 'by another process');
});

check('given back in the midst of its installation, nothing stays', async (t) => {
  const stage = await Stage.open(t);
  stage.tell(0, 'wait');
  const creation = stage.create(spec(1));
  await until('the installation has begun', () => stage.read(0, 'begun') !== '');
  await Promise.all([stage.destroy('m0/host-aaaaaaaaaaab'), stage.destroy('m0/host-aaaaaaaaaaab')]);
  t.match(failureOf(await creation), { kind: FailureKind.UNAVAILABLE }, 'the creation has failed');
  t.strictSame([stage.left(0), await stage.list()], [['begun', 'wait'], []]);
});

check('an installation that fails leaves the machine free, says why, and the next is tried on another', async (t) => {
  const stage = await Stage.open(t, { machines: 2 });
  stage.tell(0, 'broken');
  t.match(failureOf(await stage.create(spec(1))), { kind: FailureKind.UNAVAILABLE, mayRetry: true, message: /^m0 \(.*\): the agent could not be installed: the package cannot be fetched$/ });
  t.strictSame([stage.left(0), await stage.list()], [['begun', 'broken'], []]);
  t.equal(machineOf(await stage.create(spec(1))).machineId, 'm1/host-aaaaaaaaaaab');
  stage.tell(1, 'stuck');
  await t.rejects(stage.destroy('m1/host-aaaaaaaaaaab'), /m1 .*: the agent could not be taken away: a process does not end/);
  t.strictSame(statesOf(await stage.list()), [['m1/host-aaaaaaaaaaab', 'DESTROYING']]);
  stage.untell(1, 'stuck');
  await stage.destroy('m1/host-aaaaaaaaaaab');
  t.strictSame(stage.left(1), ['begun']);
});

check('a machine is let in by its pinned host key alone', async (t) => {
  const stage = await Stage.open(t, { spelled: () => ({ hostKey: undefined }) });
  const [sshd] = stage.machines as [Stage['machines'][0]];
  const unknown = await refusalOf(stage.provider.verify(call()));
  t.match(unknown, { kind: FailureKind.AUTH, mayRetry: false, message: /its host key is not known; it presents SHA256:.{43} \(ssh-ed25519\): compare it on the machine \(ssh-keygen -lf .*ed25519_key\.pub\), then set its hostKey/ });
  t.ok(unknown.message.includes(sshd.fingerprint), 'the fingerprint that was seen');
  t.match(failureOf(await stage.create(spec(1))), { kind: FailureKind.AUTH }, 'nothing is installed');
  t.strictSame(stage.left(0), [], 'nor was anything sent');

  const line = `[${sshd.address}]:${sshd.port} ${sshd.hostKey.public}`;
  const knownHosts = join(stage.directory, 'known_hosts');
  writeFileSync(knownHosts, `# of the test\nother ${newKey().public}\n${line}\n`);
  execFileSync('ssh-keygen', ['-q', '-H', '-f', knownHosts], { stdio: 'ignore' });
  t.notMatch(readFileSync(knownHosts, 'utf8'), sshd.address, 'hashed, as ssh-keygen does it');
  await stage.connect({ knownHosts });
  t.equal((await stage.provider.verify(call())).identity, '1 machine, 1 free');
  const byFingerprint = [{ name: 'm0', address: sshd.address, port: sshd.port, hostKey: [newKey().public, sshd.fingerprint] }];
  await stage.connect({ machines: byFingerprint });
  const made = machineOf(await stage.create(spec(1)));

  await sshd.stop();
  await sshd.start(newKey());
  t.match(await refusalOf(stage.provider.verify(call())), { kind: FailureKind.AUTH, message: /its host key has changed, or it is another machine: it presents SHA256:.* not SHA256:/ });
  await t.rejects(stage.destroy(made.machineId), /has changed/);
  await sshd.stop();
  await sshd.start();
  writeFileSync(knownHosts, `@revoked * ${sshd.hostKey.public}\n${line}\n`);
  await stage.connect({ knownHosts });
  t.match((await refusalOf(stage.provider.verify(call()))).message, /is revoked/);
});

check('a user is let in by a key, a locked key, a file, or an agent', async (t) => {
  const stage = await Stage.open(t);
  const file = join(stage.directory, 'key');
  writeFileSync(file, stage.user.private, { mode: 0o600 });
  const verify = async (settings: Readonly<Record<string, unknown>>) => {
    await stage.connect({ privateKey: undefined, ...settings });
    return await stage.provider.verify(call()).then(({ identity }) => identity, ({ kind, message }: ProviderError) => `${FailureKind[kind]}: ${message.replace(/\(127.*?\)/, '()').replace(stage.machines[0]!.user, 'USER')}`);
  };
  const fine = '1 machine, 1 free';
  t.equal(await verify({ privateKeyFile: file }), fine);
  t.match(await verify({ privateKeyFile: `${file}.not` }), /^AUTH: privateKeyFile: .* cannot be read \(ENOENT\)$/);
  t.equal(await verify({ privateKey: newKey().private }), 'AUTH: m0 (): it does not let USER in with this key');
  t.equal(await verify({ privateKey: 'no key at all' }), 'AUTH: privateKey: is no private key that can be read');
  t.equal(await verify({ agentSocket: file }), 'AUTH: m0 (): the ssh-agent does not answer');

  const socket = join(stage.directory, 'agent');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  t.teardown(async () => {
    agent.kill();
    await once(agent, 'exit');
  });
  await until('the agent listens', () => existsSync(socket));
  execFileSync('ssh-add', ['-q', file], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: 'ignore' });
  t.equal(await verify({ agentSocket: socket }), fine);

  execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'open sesame', '-f', file]);
  t.equal(await verify({ privateKey: readFileSync(file, 'utf8'), passphrase: 'open sesame' }), fine);
  t.equal(await verify({ privateKeyFile: file, passphrase: 'canary' }), 'AUTH: privateKeyFile: the passphrase of the key is wrong or missing');
});

check('an inventory file is read again at each call; what has left it is gone', async (t) => {
  const stage = await Stage.open(t, { machines: 2 });
  const inventory = join(stage.directory, 'machines.yaml');
  const line = (index: number) => `  - {name: m${index}, address: ${stage.machines[index]!.address}, port: ${stage.machines[index]!.port}, hostKey: ${stage.machines[index]!.hostKey.public}}\n`;
  writeFileSync(inventory, `machines:\n${line(0)}`);
  await stage.connect({ machines: [], inventory });
  machineOf(await stage.create(spec(1)));
  writeFileSync(inventory, `machines:\n${line(0)}${line(1)}`);
  const second = machineOf(await stage.create(spec(2)));
  t.strictSame(keysOf(await stage.list()), ['key-1', 'key-2']);
  writeFileSync(inventory, `machines:\n${line(0)}`);
  t.strictSame(keysOf(await stage.list()), ['key-1']);
  await stage.destroy(second.machineId);
  writeFileSync(inventory, `machines:\n${line(0)}${line(0)}`);
  t.match(await refusalOf(stage.list()), { kind: FailureKind.INVALID, field: 'machines', message: 'there are two machines m0; give them names' });
  for (const [content, message] of [['', /there are no machines|expected array/], ['- {adress: x}', /0\.address|address/], ['- 10.0.0.1:x', /0: "10\.0\.0\.1:x" is not of the form/], ['[', /is neither YAML nor JSON/]] as const) {
    writeFileSync(inventory, content);
    t.match(await refusalOf(stage.list()), { kind: FailureKind.INVALID, field: 'inventory', message }, JSON.stringify(content));
  }
});
