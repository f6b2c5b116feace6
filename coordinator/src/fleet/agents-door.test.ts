import { credentials } from '@grpc/grpc-js';
import { createHash } from 'node:crypto';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { newId, systemClock } from '@wombat/proto';
import { ArtifactServiceClient, EnrolmentServiceClient, ExecJob, type EnrolResponse, type FetchArtifactResponse } from '@wombat/proto/agent';
import { AgentsListener } from '../api/doors/agents-listener.js';
import { coordinatorName } from '../auth/certificate-authority.js';
import { MethodTable } from '../auth/method-table.js';
import { ServerCertificate } from '../auth/server-certificate.js';
import { newTestKey, openTestIdentities, type TestIdentities } from '../auth/testing.js';
import { AgentFleet } from './agent-fleet.js';
import { artifactService } from './services/artifact-service.js';
import { enrolmentService } from './services/enrolment-service.js';
import { sessionService } from './services/session-service.js';
import { RecordingListener } from './testing/recording-listener.js';
import { SimulatedAgent } from './testing/simulated-agent.js';

const clusterId = 'testcluster1';
const log = pino({ level: 'silent' });
const channelOptions = { 'grpc.ssl_target_name_override': coordinatorName(clusterId), 'grpc.use_local_subchannel_pool': 1 };

interface Opened extends TestIdentities {
  readonly fleet: AgentFleet;
  readonly listener: RecordingListener;
  readonly address: string;
  readonly file: Buffer;
  readonly door: AgentsListener;
}

/** Everything that agents meet: the TLS door, the authority, the store, the fleet. */
async function opened(test: Test): Promise<Opened> {
  const base = await openTestIdentities(test, { clusterId });
  const listener = new RecordingListener();
  const fleet = new AgentFleet({ listener, clock: systemClock, log });
  fleet.start();
  const file = Buffer.alloc(3 * 1024 * 1024, 'release');
  const services = [
    enrolmentService(base.identities, clusterId),
    sessionService(fleet),
    artifactService({
      async *open(_, offset) {
        yield file.subarray(offset);
      },
    }),
  ];
  const certificate = await ServerCertificate.issue({ authority: base.authority, clock: systemClock, log });
  const door = new AgentsListener({ services, table: new MethodTable(), authority: base.authority, index: base.index, certificate, log });
  const { port } = await door.listen({ host: '127.0.0.1', port: 0 });
  test.teardown(async () => {
    await fleet.stop();
    await door.close(200);
  });
  return { ...base, fleet, listener, file, door, address: `127.0.0.1:${port}` };
}

interface Enrolled {
  readonly hostId: string;
  readonly channelCredentials: ReturnType<typeof credentials.createSsl>;
}

async function enrolled(at: Opened): Promise<Enrolled> {
  const hostId = newId('host');
  const { text: token } = await at.identities.issueJoinToken({ hostId });
  const root = Buffer.from(at.authority.trustedPem);
  const { csr, keyPem } = await newTestKey();
  const client = new EnrolmentServiceClient(at.address, credentials.createSsl(root), channelOptions);
  const answer = await new Promise<EnrolResponse>((resolve, reject) => {
    client.enrol({ token, csr, agentVersion: '0.1.0', agentTime: new Date() }, (error, value) => (error ? reject(error) : resolve(value)));
  });
  client.close();
  const chain = Buffer.from(answer.certificate!.certificateChain);
  return { hostId: answer.hostId, channelCredentials: credentials.createSsl(root, Buffer.from(keyPem), chain) };
}

function connect(test: Test, at: Opened, { hostId, channelCredentials }: Enrolled): Promise<SimulatedAgent> {
  const agent = new SimulatedAgent(at.address, hostId, channelCredentials, channelOptions);
  test.teardown(() => agent.kill());
  return agent.connect();
}

void t.test('over mutual TLS: enrol, session, command, channel, artifact', async (test) => {
  const at = await opened(test);
  const host = await enrolled(at);
  const agent = await connect(test, at, host);
  test.same(at.fleet.connectedHosts(), [host.hostId], 'the host is the one of its certificate');

  const job = Buffer.from(ExecJob.encode(ExecJob.fromPartial({ jobId: newId('job') })).finish());
  test.same(at.fleet.sendExec(job, new Map([[host.hostId, [host.hostId]]])), []);
  const exec = await agent.next('exec');
  test.ok(job.equals(exec.job), 'the job passes the door byte for byte');

  const reader = at.fleet.openChannel(host.hostId, { $case: 'readExecOutput', value: { jobId: 'j', targetId: 't', stream: 1, offset: 0n } }, new AbortController().signal);
  const { channelId } = await agent.next('openChannel');
  const channel = agent.channel();
  channel.resume();
  channel.write({ channelId, kind: { $case: 'data', value: { offset: 0n, data: Buffer.from('output'), lostBytes: 0n, log: undefined } } });
  channel.end();
  const output: Buffer[] = [];
  for await (const { data } of reader) output.push(Buffer.from(data));
  test.equal(Buffer.concat(output).toString(), 'output');

  const artifacts = new ArtifactServiceClient(at.address, host.channelCredentials, channelOptions);
  test.teardown(() => artifacts.close());
  const hash = createHash('sha256');
  for await (const { data } of artifacts.fetchArtifact({ sha256: 'ab'.repeat(32), offset: 0n }) as AsyncIterable<FetchArtifactResponse>) hash.update(data);
  test.equal(hash.digest('hex'), createHash('sha256').update(at.file).digest('hex'), 'the artifact arrives whole');
});

void t.test('revoking ends the session within 2 s', async (test) => {
  const at = await opened(test);
  const host = await enrolled(at);
  const agent = await connect(test, at, host);
  const other = await connect(test, at, await enrolled(at));
  const since = performance.now();
  await at.identities.revoke(host.hostId, 'test');
  await at.listener.next('silent', host.hostId);
  test.ok(performance.now() - since < 2_000, `it took ${Math.round(performance.now() - since)} ms`);
  await agent.end();
  test.same(at.fleet.connectedHosts(), [other.hostId], 'others stay');
});

void t.test('a killed agent comes back at once', async (test) => {
  const at = await opened(test);
  const host = await enrolled(at);
  for (let round = 0; round < 5; round += 1) {
    const since = performance.now();
    const agent = await connect(test, at, host);
    test.ok(performance.now() - since < 1_500, `round ${round}: back after ${Math.round(performance.now() - since)} ms`);
    agent.kill();
  }
  test.equal(at.listener.count('duplicate'), 0);
});

void t.test('stopping the fleet, then the door, calls nobody silent', async (test) => {
  const at = await opened(test);
  const agent = await connect(test, at, await enrolled(at));
  await at.fleet.stop();
  await at.door.close(200);
  test.equal((await agent.end())?.code, 14, 'agents are told UNAVAILABLE');
  test.equal(at.listener.count('silent'), 0);
});
