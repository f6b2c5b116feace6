import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { fromServiceError, limits, newId } from '@wombat/proto';
import { ExecOutcome, Facts, Hello, Outcome, SessionServiceService, type SessionRequest } from '@wombat/proto/agent';
import { CreateJobRequest, GetJobRequest, HostPhase, JobServiceService, JobState, TargetKind } from '@wombat/proto/control';
import { mountSmallDisk } from '@wombat/proto/testing';
import t, { type Test } from 'tap';
import { idOf } from '../support/fleet-view.js';
import { startAgentByHand } from '../support/hand-started-agent.js';
import { agentsClient, joinAsHost, type Certified } from '../support/host-identity.js';
import { packScripts, sleeper } from '../support/releases.js';
import { sessionsOpened } from '../support/sessions-opened.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

const untilUp = (workshop: Workshop, amount: number): Promise<true> => until(`${amount} hosts are up`, async () => {
  const phases = (await workshop.fleet.hosts()).map(({ phase }) => phase);
  return phases.filter((phase) => phase === HostPhase.UP).length === amount || notYet(phases);
});

t.test('the disk of the coordinator is full', async (t) => {
  const workshop = await Workshop.closed(t);
  mkdirSync(workshop.coordinator.directory, { mode: 0o700 });
  const disk = mountSmallDisk(40, workshop.coordinator.directory);
  if (!disk) return t.comment('no tmpfs can be mounted here');
  try {
    const { agents } = await workshop.coordinator.start();
    await startAgentByHand(workshop, 'machine', agents, await workshop.ok('token', 'create', 'by-hand'));
    await untilUp(workshop, 1);
    const tarball = await packScripts(join(workshop.directory, 'sleeper.tar.gz'), [sleeper]);
    disk.fill();
    let made = 0;
    const refused = await until('changes are refused', async () => {
      const result = await workshop.wo('create-family', `Family ${made}`);
      made += result.code === 0 ? 1 : 0;
      return result.code === 0 ? notYet(made) : result;
    }, { everyMs: 1 });
    t.match(refused.stderr, /WO_STORE_FULL/, 'a change is refused by name');
    t.match((await workshop.wo('upload-release', 'sleeper', tarball, 'bin/start')).stderr, /WO_DISK_FULL.*(free|room)/s, 'an upload too, before its first byte');
    t.equal((JSON.parse(await workshop.ok('family', 'list', '-o', 'json')) as { families: unknown[] }).families.length, made, 'what was acknowledged can be read');
    await untilUp(workshop, 1);
    t.equal(sessionsOpened(workshop), 1, 'the session of the host has stayed');
    disk.free();
    const freed = performance.now();
    await workshop.ok('create-family', 'Afterwards');
    t.ok(performance.now() - freed < 5_000 + 5_000, 'it goes on at once, without a restart');
    await workshop.ok('upload-release', 'sleeper', tarball, 'bin/start');
  } finally {
    await workshop.coordinator.kill();
    disk.remove();
  }
});

/** A host that keeps to no bound. */
function openSession(address: string, authority: Buffer, own: Certified): { write(frame: NonNullable<SessionRequest['frame']>): boolean; readonly ended: Promise<string>; close(): void } {
  const client = agentsClient(address, authority, own);
  const { path, requestSerialize, responseDeserialize } = SessionServiceService.session;
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
  stream.write({ frame: { $case: 'hello', value: Hello.fromPartial({ protocolMin: 1, protocolMax: 1, agentVersion: '0.1.0', bootId: 'b', agentTime: new Date() }) } });
  stream.on('data', () => undefined);
  const ended = new Promise<string>((resolve) => stream.once('error', (error) => resolve(fromServiceError(error).code)));
  return { write: (frame) => stream.write({ frame }), ended, close: () => client.close() };
}

const residentMiB = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;

t.test('a host that sends ten times more than it may hurts nobody else', async (t) => {
  const workshop = await Workshop.open(t);
  const { agents } = await workshop.coordinator.connect();
  const { authority } = await workshop.coordinator.credentials();
  await startAgentByHand(workshop, 'well', agents, await workshop.ok('token', 'create', 'well'));
  await untilUp(workshop, 1);
  const own = await joinAsHost(agents, authority, await workshop.ok('token', 'create', 'hostile'));

  const large = openSession(agents, authority, own);
  await untilUp(workshop, 2);
  large.write({ $case: 'facts', value: Facts.fromPartial({ hostname: 'x'.repeat(10 * limits.sessionFrameBytes) }) });
  t.equal(await large.ended, 'WO_RATE_LIMITED', 'a frame of ten times the size ends its session (RESOURCE_EXHAUSTED)');
  large.close();

  const before = residentMiB(workshop.coordinator.pid);
  const flood = openSession(agents, authority, own);
  for (let frame = 0; frame < 20_000; frame += 1) flood.write({ $case: 'status', value: { statuses: [], complete: false } });
  const asked = performance.now();
  for (let call = 0; call < 3; call += 1) await workshop.ok('host', 'list');
  t.ok(performance.now() - asked < 30_000, 'operators are answered meanwhile');
  flood.close();

  const liar = openSession(agents, authority, own);
  await until('it is back', () => sessionsOpened(workshop) === 4 || notYet(sessionsOpened(workshop)));
  await judgeLies(t, workshop, own.hostId, (outcome) => liar.write({ $case: 'execOutcome', value: outcome }));
  liar.close();
  const grownMiB = residentMiB(workshop.coordinator.pid) - before;
  t.ok(grownMiB < 100, `the memory of the coordinator stays bounded (${Math.round(grownMiB)} MiB more)`);
  const well = readFileSync(workshop.coordinator.log, 'utf8').split('\n').filter((line) => line.includes('session ended') && !line.includes(own.hostId));
  t.strictSame(well, [], 'the session of the other host goes on');
});

/** A job for both hosts, of which one says more, and of others than itself. */
async function judgeLies(t: Test, { coordinator, fleet }: Workshop, liar: string, say: (outcome: ExecOutcome) => void): Promise<void> {
  const other = (await fleet.hosts()).map(idOf).find((hostId) => hostId !== liar)!;
  const command = { $case: 'command' as const, value: { argv: ['sh', '-c', 'sleep 1; echo well'] } };
  const { job } = await coordinator.control.call(JobServiceService.createJob, CreateJobRequest.fromPartial({ expression: 'host.name = well or host.name = hostile', on: TargetKind.HOSTS, action: { kind: command } }));
  const told = (targetId: string, jobId: string, head: string, sizeBytes = BigInt(head.length)): ExecOutcome =>
    ExecOutcome.fromPartial({ jobId, targetId, outcome: Outcome.OK, exit: { kind: { $case: 'code', value: 0 } }, stdout: { head: Buffer.from(head), sizeBytes, lostBytes: 0n } });
  say(told(other, idOf(job), 'forged'));
  say(told(liar, newId('job'), 'of no job'));
  say(told(liar, idOf(job), 'mine', 2n ** 60n));
  for (let time = 0; time < 3_000; time += 1) say(told(liar, idOf(job), 'x'.repeat(limits.outcomeHeadBytes - 1)));
  const { targets } = await until('the job has ended', async () => {
    const seen = await coordinator.control.call(JobServiceService.getJob, GetJobRequest.fromPartial({ job: idOf(job) }));
    return seen.job?.state === JobState.FINISHED ? seen : notYet(seen.job?.outcomes);
  });
  t.strictSame(Object.fromEntries(targets.map(({ targetId, stdout }) => [targetId, stdout.toString()])), { [other]: 'well\n', [liar]: 'mine' }, 'a host speaks for itself alone, and its first word counts');
}
