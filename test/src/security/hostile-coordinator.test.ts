import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DesiredState, NodePhase, type Assignment, type NodeStatus, type SessionRequest } from '@wombat/proto/agent';
import t, { type Test } from 'tap';
import { nodeSpec } from '../../../agent/dist/nodes/testing/host.js';
import { StandInCoordinator, welcome } from '../../../agent/dist/testing/stand-in-coordinator.js';
import { endProcessesIn } from '../support/ending.js';
import { startHastyAgent } from '../support/fuzz/hasty-agent.js';
import { HostileProcess } from '../support/fuzz/hostile-process.js';
import { isAlive, processesIn, startTimeOf } from '../support/processes.js';
import { startRelay } from '../support/relay.js';
import { packScripts, sleeper } from '../support/releases.js';
import { chooseSeed } from '../support/seeded-random.js';
import { notYet, until } from '../support/until.js';

const isFull = (process.env['WOMBAT_TEST_FULL'] ?? '') !== '';
const cases = isFull ? 5_000 : 120;
const nodeId = 'node-aaaaaaaaaaaa';

t.setTimeout(isFull ? 1_200_000 : 120_000);

t.test('whatever a coordinator sends, its agent lives, comes back, and lets its nodes run', async (t) => {
  const seed = chooseSeed();
  t.comment(`WOMBAT_SEED=${seed}`);
  const directory = await directoryOf(t);
  const good = await goodCoordinator(t, await packScripts(join(directory, 'release.tar.gz'), [sleeper]));
  const relay = await startRelay(t, `127.0.0.1:${good.standIn.address.port}`);
  const agent = startHastyAgent(directory, relay.address, good.standIn.joinToken());
  const running = async (): Promise<NodeStatus> =>
    await until('the node runs', () => good.heard.findLast((status) => status.nodeId === nodeId && status.phase === NodePhase.READY) ?? notYet(agent.said().slice(-2_000)));
  const node = await running();
  const program = processesIn(directory).find(({ pid }) => BigInt(pid) === node.pid)!;
  const startTime = startTimeOf(agent.pid);

  const { clusterId, certificate } = good.standIn.authority;
  const hostile = new HostileProcess(relay, { clusterId, authority: certificate, pair: await good.standIn.authority.coordinator(), seed, spared: nodeId });
  hostile.begin(t);
  const reach = (wanted: number): Promise<boolean> => until(`${wanted} cases`,
    () => hostile.counts.cases >= wanted || agent.child.exitCode !== null || notYet(`${JSON.stringify(hostile.counts)}; ${agent.said().slice(-3_000)}`),
    { withinMs: cases * 200 });
  await reach(cases / 4);
  const before = agent.peakMiB();
  await reach(cases);
  t.equal(startTimeOf(agent.pid), startTime, 'it is the same process', { said: agent.said().slice(-3_000) });
  const { cases: done, sessions, raw } = hostile.counts;
  t.ok(sessions > cases / 30, `it has come back ${sessions} times`);
  t.ok(agent.peakMiB() < before + 100, `memory stays bounded: ${before} MiB, then ${agent.peakMiB()} MiB at most`);

  hostile.end();
  good.heard.length = 0;
  relay.leadTo(`127.0.0.1:${good.standIn.address.port}`);
  relay.cut();
  t.match(await running(), { pid: node.pid, startId: node.startId, restarts: 0 }, 'it serves a good coordinator again, and the node has run on');
  t.ok(isAlive(program), 'as the same process');
  t.strictSame(agent.said().split('\n').filter((line) => /unhandled|uncaught|"level":60/i.test(line)), [], 'no promise was rejected unheard');
  t.comment(`${done} cases, ${raw} of them raw bytes, in ${sessions} sessions, ${hostile.crashes} crashes of the hostile side; peak ${before} MiB after a quarter, ${agent.peakMiB()} MiB in the end`);
});

async function directoryOf(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'wombat-hostile-'));
  t.teardown(async () => {
    await endProcessesIn(directory);
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  return directory;
}

interface GoodCoordinator {
  readonly standIn: StandInCoordinator;
  /** What its agent says of nodes. */
  readonly heard: NodeStatus[];
}

/** Wants one node of the release, and nothing else. */
async function goodCoordinator(t: Test, release: string): Promise<GoodCoordinator> {
  const standIn = await StandInCoordinator.start();
  t.teardown(() => standIn.stop());
  const tarball = readFileSync(release);
  const spec = nodeSpec({ artifact: { sha256: createHash('sha256').update(tarball).digest('hex'), sizeBytes: BigInt(tarball.length), sharedPaths: [] }, runs: { start: ['bin/start'] } });
  const wanted: Assignment = { nodeId, generation: 1n, desired: DesiredState.RUNNING, restartGeneration: 0n, spec, keepData: false };
  const heard: NodeStatus[] = [];
  standIn.behaviour.fetch = (call) => void (call.write({ data: tarball }), call.end());
  standIn.behaviour.session = (call) => {
    welcome(call);
    call.once('data', () => call.write({ frame: { $case: 'assignments', value: { syncId: 1n, assignments: [wanted], fullSync: true, first: true, last: true } } }));
    call.on('data', ({ frame }: SessionRequest) => void (frame?.$case === 'status' && heard.push(...frame.value.statuses)));
  };
  return { standIn, heard };
}
