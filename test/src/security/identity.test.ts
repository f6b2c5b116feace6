import { existsSync } from 'node:fs';
import { connect as connectTls } from 'node:tls';
import { Metadata } from '@grpc/grpc-js';
import { fromServiceError, systemClock, WombatError } from '@wombat/proto';
import { SessionServiceService } from '@wombat/proto/agent';
import { HostPhase } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { CertificateAuthority } from '../../../coordinator/dist/auth/certificate-authority.js';
import { readCertificateRequest } from '../../../coordinator/dist/auth/certificate-request.js';
import { coordinatorName } from '../support/control-client.js';
import { idOf } from '../support/fleet-view.js';
import { startAgentByHand } from '../support/hand-started-agent.js';
import { agentsClient, enrol, joinAsHost, newHostKey, type Certified } from '../support/host-identity.js';
import { startRelay } from '../support/relay.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

const dayMs = 24 * 60 * 60 * 1_000;

async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(() => 'done', (error: unknown) => WombatError.from(error).code);
}

t.test('a token makes one identity, whoever shows it and however often', async (t) => {
  const workshop = await Workshop.closed(t);
  const { agents } = await workshop.coordinator.start();
  const { authority } = await workshop.coordinator.credentials();
  const token = await workshop.ok('token', 'create', 'wanted');
  const tokenId = token.split('.')[2] ?? '';
  const keys = await Promise.all(Array.from({ length: 50 }, newHostKey));
  const outcomes = await Promise.all(keys.map((key) => codeOf(enrol(agents, authority, token, key))));
  t.equal(outcomes.filter((code) => code === 'done').length, 1, 'of 50 at once one', { outcomes });
  const refusals = outcomes.filter((code) => code !== 'done');
  t.ok(refusals.every((code) => ['WO_TOKEN_REFUSED', 'WO_RATE_LIMITED'].includes(code)), 'the others are refused', { refusals });
  const winner = keys[outcomes.indexOf('done')]!;
  // Failed enrolments of one address are limited to one a second.
  const patiently = (shown: string, key = winner): Promise<string> => until('the limit lets it through', async () => {
    const code = await codeOf(enrol(agents, authority, shown, key));
    return code === 'WO_RATE_LIMITED' ? notYet(code) : code;
  }, { everyMs: 500 });
  t.equal(await patiently(token, await newHostKey()), 'WO_TOKEN_REFUSED', 'nor does it serve another key later');
  t.equal(await patiently(token), 'done', 'the same key gets its identity again');
  t.equal((await workshop.fleet.hosts()).length, 1, 'there is one host');
  t.equal((await workshop.fleet.events('host.enrolled')).length, 1, 'which has enrolled once');

  const events = (await workshop.fleet.events('token.refused')).filter(({ subjectId }) => subjectId === tokenId);
  t.ok(events.length >= refusals.filter((code) => code === 'WO_TOKEN_REFUSED').length, 'each refusal is told');
  t.ok(events.every(({ message }) => message.includes(tokenId) && /to 127\.0\.0\.1: used, used before from 127\.0\.0\.1/.test(message)), 'with the token, the source and who used it', { messages: events.slice(0, 3).map(({ message }) => message) });

  const short = await workshop.ok('token', 'create', 'late', '--ttl', '1s');
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  t.equal(await patiently(short, await newHostKey()), 'WO_TOKEN_REFUSED', 'an expired one');
  const revoked = await workshop.ok('token', 'create', 'never');
  await workshop.ok('token', 'revoke', revoked.split('.')[2] ?? '', '--yes');
  t.equal(await patiently(revoked, await newHostKey()), 'WO_TOKEN_REFUSED', 'a revoked one');
  const foreign = (await workshop.ok('token', 'create', 'foreign')).replace(/[0-9a-f]{64}/, 'a'.repeat(64));
  t.equal(await patiently(foreign, await newHostKey()), 'WO_TOKEN_REFUSED', 'one that names another authority');
  const reasons = (await workshop.fleet.events('token.refused')).map(({ reason }) => reason);
  for (const reason of ['expired', 'revoked', 'unknown']) t.ok(reasons.includes(reason), `the operator is told "${reason}"`, { reasons });
});

/** As an agent does it before its first call. */
async function shakeHands(address: string): Promise<void> {
  const [host = '', port = ''] = address.split(':');
  const socket = connectTls({ host, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  await new Promise<void>((resolve, reject) => socket.once('data', () => resolve()).once('error', reject));
  socket.destroy();
}

t.test('the answer to an enrolment is lost: the agent comes back by itself, with the same key, as the same host', async (t) => {
  const workshop = await Workshop.closed(t);
  const { agents } = await workshop.coordinator.start();
  // The answer has some 2,000 bytes; those of the handshake depend on what both ends can do.
  let cutAfterBytes = Infinity;
  const between = await startRelay(t, agents, (near, bytes) => void (bytes > cutAfterBytes && near.destroy()));
  await shakeHands(between.address);
  cutAfterBytes = between.answeredBytes() + 1_000;
  const token = await workshop.ok('token', 'create', 'by-hand');
  const machine = await startAgentByHand(workshop, 'machine', between.address, token);
  await until('the coordinator has enrolled it', async () => (await workshop.fleet.events('host.enrolled')).length === 1 || notYet(await machine.log()));
  t.ok(existsSync(machine.tokenFile), 'the agent does not know that');
  cutAfterBytes = Infinity;
  await until('the host is up', async () => (await workshop.fleet.hosts()).some(({ phase }) => phase === HostPhase.UP) || notYet(await machine.log()));
  t.equal((await workshop.fleet.events('host.enrolled')).length, 1, 'one identity');
  t.equal((await workshop.fleet.events('token.refused')).length, 0, 'nobody was refused');
  t.equal((await workshop.fleet.hosts()).length, 1, 'one host');
});

t.test('certificates that are not good reach no handler, and are told apart', async (t) => {
  const workshop = await Workshop.closed(t);
  const { agents } = await workshop.coordinator.start();
  const { authority } = await workshop.coordinator.credentials();
  const { directory } = workshop.coordinator;
  const clusterId = coordinatorName(authority).split('.')[1]!;
  const own = await joinAsHost(agents, authority, await workshop.ok('token', 'create', 'good'));
  const key = await newHostKey();
  const mint = async (from: string, cluster: string, shiftMs: number): Promise<Certified> => {
    const minter = await CertificateAuthority.load({ directory: from, clusterId: cluster, clock: { ...systemClock, now: () => Date.now() + shiftMs } });
    return { keyPem: key.keyPem, chainPem: (await minter.issueHostCertificate(own.hostId, await readCertificateRequest(key.csr))).chainPem };
  };
  const cases: readonly [what: string, reason: string, certified: Certified][] = [
    ['of another authority that bears the same name', 'untrusted', await mint(t.testdir({}), clusterId, 0)],
    ['of another cluster', 'untrusted', await mint(`${workshop.directory}/other`, 'othercluster', 0)],
    ['that has expired', 'expired', await mint(directory, clusterId, -2 * dayMs)],
    ['that is not valid yet', 'not-yet-valid', await mint(directory, clusterId, 2 * dayMs)],
    ['that was signed with the stolen key of the authority', 'unknown', await mint(directory, clusterId, 0)],
  ];
  const before = (await workshop.fleet.hosts()).map(({ metadata, phase }) => [metadata?.id, phase]);
  for (const [what, reason, certified] of cases) {
    t.match(await sessionEnd(t, agents, authority, certified), { code: 'WO_CERTIFICATE_REFUSED', details: { reason } }, `a certificate ${what}`);
  }
  t.strictSame((await workshop.fleet.hosts()).map(({ metadata, phase }) => [metadata?.id, phase]), before, 'no host has changed');

  const ticket = await tlsTicket(agents, authority, own);
  const live = sessionEnd(t, agents, authority, own);
  await until('the host is up', async () => (await workshop.fleet.hosts()).find((host) => idOf(host) === own.hostId && host.phase === HostPhase.UP) ?? notYet('not yet'));
  const removed = workshop.ok('host', 'remove', 'good', '--yes');
  const asked = performance.now();
  await live;
  t.ok(performance.now() - asked < 2_000 + 3_000, 'the live session is cut');
  await removed;
  t.match(await sessionEnd(t, agents, authority, own), { code: 'WO_CERTIFICATE_REFUSED', details: { reason: 'revoked' } }, 'a certificate that was revoked');
  t.equal(await isResumed(agents, authority, own, ticket), false, 'no earlier session of TLS is resumed');
});

/** Opens a session with this certificate, and answers what it ends with. */
function sessionEnd(t: Test, address: string, authority: Buffer, certified: Certified): Promise<WombatError> {
  const client = agentsClient(address, authority, certified);
  t.teardown(() => client.close());
  const { path, requestSerialize, responseDeserialize } = SessionServiceService.session;
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
  stream.write({ frame: { $case: 'hello', value: { protocolMin: 1, protocolMax: 1, agentVersion: '0.1.0', features: [], bootId: 'b', journalPosition: 0n, agentTime: new Date(), journalDamages: [], packageSha256: '', updateFailed: undefined } } });
  const beats = setInterval(() => stream.write({ frame: { $case: 'beat', value: {} } }), 2_000).unref();
  return new Promise((resolve) => {
    const done = (error: unknown): void => {
      clearInterval(beats);
      client.close();
      resolve(fromServiceError(error));
    };
    stream.on('data', () => undefined).once('end', () => done(new WombatError('WO_UNAVAILABLE', 'ended'))).once('error', done);
  });
}

function tlsTicket(address: string, authority: Buffer, own: Certified): Promise<Buffer | undefined> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host, port: Number(port), ca: authority, servername: coordinatorName(authority), ALPNProtocols: ['h2'], cert: own.chainPem, key: own.keyPem });
    socket.once('session', (session) => (socket.destroy(), resolve(session))).once('error', reject).resume();
    setTimeout(() => (socket.destroy(), resolve(undefined)), 1_000);
  });
}

function isResumed(address: string, authority: Buffer, own: Certified, session: Buffer | undefined): Promise<boolean> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host, port: Number(port), ca: authority, servername: coordinatorName(authority), ALPNProtocols: ['h2'], cert: own.chainPem, key: own.keyPem, ...(session && { session }) }, () => {
      resolve(socket.isSessionReused());
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

t.test('another coordinator at the address: nothing is sent to it', async (t) => {
  const workshop = await Workshop.closed(t);
  await workshop.coordinator.start();
  const token = await workshop.ok('token', 'create', 'by-hand');
  const other = await Workshop.closed(t);
  const { agents } = await other.coordinator.start();
  const machine = await startAgentByHand(workshop, 'machine', agents, token);
  const exit = new Promise<number | null>((resolve) => machine.child.once('exit', resolve));
  const said = await machine.says(/WO_CA_MISMATCH/);
  t.match(said, /presents another certificate authority than the token names/, 'it says what does not fit');
  t.equal(await exit, 4, 'and ends');
  t.ok(existsSync(machine.tokenFile), 'its token is still there');
  t.strictSame(await other.fleet.events('token.refused'), [], 'the other coordinator has not seen the token');
  t.strictSame(await other.fleet.hosts(), [], 'and has no host');
});
