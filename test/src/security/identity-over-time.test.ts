import { cp, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { ArtifactServiceService, Hello, SessionServiceService } from '@wombat/proto/agent';
import { HostPhase, NodePhase } from '@wombat/proto/control';
import t from 'tap';
import { prepareSleepers } from '../support/families.js';
import { idOf, tellNode } from '../support/fleet-view.js';
import { runAgent, startAgentByHand } from '../support/hand-started-agent.js';
import { agentsClient, joinAsHost } from '../support/host-identity.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

const lifeMs = 6_000;
const isFull = (process.env['WOMBAT_TEST_FULL'] ?? '') !== '';
const renewals = isFull ? 10 : 2;

t.test('certificates of seconds', async (t) => {
  const workshop = await Workshop.open(t, { settings: { 'certificates-lifetime-ms': String(lifeMs) } });
  const { family } = await prepareSleepers(workshop, { nodesPerHost: 4 });
  await workshop.ok('deploy-nodes', family, '--amount', '1');
  const [first] = await workshop.untilRunning(1);
  const agentLog = (): string => workshop.hostDirectories().map((directory) => readFileSync(join(directory, 'agent.log'), 'utf8')).join('');
  const count = (what: string, text = agentLog()): number => text.split(what).length - 1;
  const coordinatorLog = (): string => readFileSync(workshop.coordinator.log, 'utf8');

  await t.test('are renewed under load, and nothing in flight notices', async (t) => {
    const before = count('certificate renewed');
    const long = workshop.spawnWo(['exec', family, '--timeout', '5m', '--', 'sh', '-c', 'while [ ! -e "$WOMBAT_DATA_DIR/enough" ]; do sleep 0.1; done; echo held']);
    const logs = workshop.spawnWo(['logs', '-f', idOf(first)], { deadlineMs: 250_000 });
    let short = 0;
    while (count('certificate renewed') < before + renewals) {
      const result = await workshop.wo('exec', family, '--', 'true');
      if (result.code !== 0) t.fail(`command ${short} failed: ${result.stderr}`);
      if (short === 1) await workshop.ok('deploy-nodes', family, '--amount', '1');
      short += 1;
    }
    await workshop.ok('exec', family, '--', 'sh', '-c', 'touch "$WOMBAT_DATA_DIR/enough"');
    t.match(await long.ended, { code: 0, stdout: /held/ }, `the command that was there before goes on through ${renewals} renewals; ${short} others came and went`);
    logs.kill('SIGINT');
    t.match((await logs.ended).stdout, /started/, 'the logs were followed to their end');
    t.equal(count('"msg":"connected"'), 1, 'in one session');
    t.equal(count('session ended', coordinatorLog()), 0, 'which never ended');
    await workshop.untilRunning(2);
    t.notOk((await workshop.fleet.events()).some(({ type, message }) => type === 'host.phase' && /silent/.test(message)), 'the host was never silent');
  });

  await t.test('that end while the coordinator is away are renewed without a token', async (t) => {
    const nodes = await workshop.untilRunning(2);
    const enrolments = (await workshop.fleet.events('host.enrolled')).length;
    await workshop.coordinator.kill();
    await new Promise((resolve) => setTimeout(resolve, lifeMs + 1_000));
    await workshop.coordinator.start();
    const startedAt = performance.now();
    await until('the host is connected again', async () => {
      const result = await workshop.wo('exec', family, '--', 'true');
      return result.code === 0 || notYet(`${result.stderr}\n${agentLog().slice(-1_500)}`);
    });
    t.ok(performance.now() - startedAt < 60_000, 'soon');
    t.equal((await workshop.fleet.events('host.enrolled')).length, enrolments, 'nobody has enrolled');
    const after = await workshop.untilRunning(2);
    t.strictSame(after.map(({ pid }) => pid), nodes.map(({ pid }) => pid), 'the nodes have run on');
  });

  await t.test('of a host that is revoked: all that it has open is cut, and nothing is resumed', async (t) => {
    const { authority } = await workshop.coordinator.credentials();
    const { agents } = await workshop.coordinator.connect();
    const own = await joinAsHost(agents, authority, await workshop.ok('token', 'create', 'stolen'));
    const client = agentsClient(agents, authority, own);
    t.teardown(() => client.close());
    const ends: Promise<number>[] = [];
    const endOf = (stream: { on(event: 'error' | 'end', listener: () => void): unknown }): void => void ends.push(new Promise((resolve) => {
      for (const event of ['error', 'end'] as const) stream.on(event, () => resolve(performance.now()));
    }));
    const session = client.makeBidiStreamRequest(SessionServiceService.session.path, SessionServiceService.session.requestSerialize, SessionServiceService.session.responseDeserialize, new Metadata());
    const welcomed = new Promise((resolve) => session.once('data', resolve));
    endOf(session.on('data', () => undefined));
    session.write({ frame: { $case: 'hello', value: Hello.fromPartial({ protocolMin: 1, protocolMax: 1, agentVersion: '0.1.0', bootId: 'b', agentTime: new Date() }) } });
    await welcomed;
    const [release] = JSON.parse(await workshop.ok('release', 'list', '-o', 'json')).releases as { artifacts: { sha256: string }[] }[];
    const { path, requestSerialize, responseDeserialize } = ArtifactServiceService.fetchArtifact;
    const fetch = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { sha256: release!.artifacts[0]!.sha256, offset: 0n }, new Metadata());
    endOf(fetch.on('data', () => undefined));
    const asked = performance.now();
    await workshop.ok('host', 'revoke', 'stolen', '--reason', 'it was stolen', '--yes');
    const tookMs = Math.max(...(await Promise.all(ends))) - asked;
    // What the command itself takes is in it.
    t.ok(tookMs < 2_000 + 3_000, `all is cut soon (${Math.round(tookMs)} ms)`);
    t.match((await workshop.fleet.events('host.identity-revoked')).map(({ message }) => message), [/it was stolen/], 'the history says why');

    const host = (await workshop.fleet.hosts()).find(({ metadata }) => metadata?.name !== 'stolen');
    await workshop.ok('host', 'revoke', idOf(host), '--yes');
    await until('the agent of the other is refused, and says so', () => /"reason":"[^"]*it was revoked"/.test(agentLog()) || notYet(agentLog().slice(-1_500)));
    await until('its nodes are out of reach', async () => {
      const nodes = await workshop.fleet.nodes();
      return nodes.every(({ phase }) => phase === NodePhase.UNKNOWN) || notYet(nodes.map(tellNode));
    });
    t.equal(workshop.processes().filter(({ argv }) => argv[0] === 'sleep' && argv[1] === '1000000').length, 2, 'and run on');
  });
});

t.test('one identity on two machines', async (t) => {
  const workshop = await Workshop.closed(t);
  const { agents } = await workshop.coordinator.start();
  const one = await startAgentByHand(workshop, 'one', agents, await workshop.ok('token', 'create', 'cloned'));
  const isUp = (): Promise<true> => until('the host is up', async () => (await workshop.fleet.hosts()).some(({ phase }) => phase === HostPhase.UP) || notYet(await one.log()));
  await isUp();
  const sessions = (): number => readFileSync(workshop.coordinator.log, 'utf8').split('session opened').length - 1;
  const duplicates = async (): Promise<string[]> => (await workshop.fleet.events('host.duplicate-identity')).map(({ message }) => message);

  one.child.kill('SIGKILL');
  const again = runAgent(workshop, 'one', agents);
  await until('it is started again, and connected', async () => sessions() === 2 || notYet(await again.log()));
  t.strictSame(await duplicates(), [], 'a machine that comes back quickly is no other');

  await cp(join(workshop.directory, 'one'), join(workshop.directory, 'two'), { recursive: true });
  // On another machine the process that the lock names is not there.
  await rm(join(workshop.directory, 'two', 'agent.lock'), { force: true });
  const started = performance.now();
  const two = runAgent(workshop, 'two', agents);
  const [told] = await until('the operator is told', async () => {
    const messages = await duplicates();
    return messages.length > 0 ? messages : notYet(await two.log());
  }, { everyMs: 100 });
  const tookMs = performance.now() - started;
  t.match(told, /127\.0\.0\.1:\d+ has the identity of cloned, which is connected from 127\.0\.0\.1:\d+/, 'both addresses are named');
  t.ok(tookMs < 5_000 + 3_000, `soon after the second machine was started (${Math.round(tookMs)} ms)`);
  const said = await two.says(/WO_DUPLICATE_IDENTITY/);
  const line = JSON.parse(said.split('\n').find((each) => each.includes('WO_DUPLICATE_IDENTITY'))!) as { hint: string; delayMs: number };
  t.match(line.hint, /copied.*token of its own/, 'the second says what to do');
  t.ok(line.delayMs >= 5_000, 'and waits before it tries again');
  t.equal(sessions(), 2, 'the session of the first goes on, and there is no other: no command can go to both');
  t.equal(two.child.exitCode, null, 'the second waits');
});
