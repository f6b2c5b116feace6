import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, WombatError } from '@wombat/proto';
import t, { type Test } from 'tap';
import { memoryLog } from '../testing/log-memory.js';
import { StandInCoordinator, type StandInBehaviour } from '../testing/stand-in-coordinator.js';
import { TestAuthority } from '../testing/test-authority.js';
import { makeCertificateRequest as makeRequest } from './certificate-request.js';
import { Enrolment } from './enrolment.js';
import { IdentityFiles } from './identity-files.js';

const never = new AbortController().signal;
const quickly = { initialMs: 5, maximumMs: 20 };

interface Bench {
  readonly standIn: StandInCoordinator;
  readonly directory: string;
  readonly tokenFile: string;
  readonly lines: string[];
  readonly enrolment: Enrolment;
}

async function bench(t: Test, options: { authority?: TestAuthority; leafName?: string; token?: (standIn: StandInCoordinator) => string } = {}): Promise<Bench> {
  const authority = options.authority ?? (await TestAuthority.create('testcluster1'));
  const standIn = await StandInCoordinator.start({ authority, pair: await authority.coordinator(options.leafName) });
  t.teardown(() => standIn.stop());
  const directory = t.testdir({});
  const tokenFile = join(directory, 'token');
  writeFileSync(tokenFile, `${options.token?.(standIn) ?? standIn.joinToken()}\n`);
  const { log, lines } = memoryLog();
  const files = new IdentityFiles(directory);
  const enrolment = new Enrolment({ files, makeRequest, coordinator: standIn.address, tokenFile, clock: systemClock, log, backoff: quickly });
  return { standIn, directory, tokenFile, lines, enrolment };
}

function change(standIn: StandInCoordinator, behaviour: Partial<StandInBehaviour>): void {
  standIn.behaviour = { ...standIn.behaviour, ...behaviour };
}

async function failure(promise: Promise<unknown>): Promise<WombatError> {
  return promise.then(() => Promise.reject(new Error('it should have failed')), (error: unknown) => WombatError.from(error));
}

t.test('a host gets its identity, keeps it, and leaves no token behind', async (t) => {
  const { standIn, directory, tokenFile, enrolment, lines } = await bench(t);
  const token = standIn.joinToken();
  writeFileSync(tokenFile, token);
  const identity = await enrolment.ensureIdentity(never);
  t.equal(identity.hostId, standIn.hostId, 'the id is the one that the coordinator gave');
  t.equal(identity.clusterId, 'testcluster1', 'the cluster is the one of the authority');
  t.notOk(existsSync(tokenFile), 'the token file is removed after joining');
  t.equal(statSync(join(directory, 'identity')).mode & 0o777, 0o700, 'nobody else may look into the directory');
  for (const name of ['key.pem', 'identity.json', 'request.der']) {
    t.equal(statSync(join(directory, 'identity', name)).mode & 0o777, 0o600, `${name} is for the agent only`);
  }
  t.match(identity.privateKey, /^-----BEGIN PRIVATE KEY-----/, 'the key is PKCS#8');
  const logged = lines.join('\n');
  t.notOk(logged.includes(token) || logged.includes('PRIVATE KEY'), 'neither token nor key is logged');
  t.same(await enrolment.ensureIdentity(never), identity, 'a second start takes what is kept');
  t.equal(standIn.enrolments.length, 1, 'and asks nobody');
});

t.test('the token is sent to nobody whose authority it does not name', async (t) => {
  const other = await TestAuthority.create('testcluster1');
  const { standIn, enrolment, tokenFile } = await bench(t, { token: (standIn) => standIn.joinToken(other.sha256) });
  const error = await failure(enrolment.ensureIdentity(never));
  t.equal(error.code, 'WO_CA_MISMATCH', 'the refusal says what is wrong');
  t.equal(standIn.enrolments.length, 0, 'the token was not sent');
  t.ok(existsSync(tokenFile), 'the token is kept for the right coordinator');
});

t.test('the pinned authority beside a leaf of another one is no proof', async (t) => {
  const pinned = await TestAuthority.create('testcluster1');
  const forger = await TestAuthority.create('testcluster1');
  const forged = await forger.coordinator();
  const leaf = forged.certificate.split('-----END CERTIFICATE-----')[0];
  const pair = { key: forged.key, certificate: `${leaf}-----END CERTIFICATE-----\n${pinned.certificate}` };
  const standIn = await StandInCoordinator.start({ authority: pinned, pair });
  t.teardown(() => standIn.stop());
  const directory = t.testdir({ token: standIn.joinToken(pinned.sha256) });
  const parts = { makeRequest, files: new IdentityFiles(directory), coordinator: standIn.address, tokenFile: join(directory, 'token'), clock: systemClock, log: memoryLog().log };
  const error = await failure(new Enrolment(parts).ensureIdentity(never));
  t.equal(error.code, 'WO_CA_MISMATCH', 'the signature is checked, not just the presence of the certificate');
  t.equal(standIn.enrolments.length, 0, 'the token was not sent');
});

t.test('a certificate of the right authority for another name is refused', async (t) => {
  const { standIn, enrolment } = await bench(t, { leafName: 'coordinator.othercluster.wombat' });
  const error = await failure(enrolment.ensureIdentity(never));
  t.equal(error.code, 'WO_CA_MISMATCH', 'the server name is checked');
  t.equal(standIn.enrolments.length, 0, 'the token was not sent');
});

t.test('a lost answer: the retry comes with the same key and gets the same identity', async (t) => {
  const { standIn, enrolment, directory } = await bench(t);
  const enrol = standIn.behaviour.enrol;
  change(standIn, {
    enrol: async (request) => {
      const response = await enrol(request);
      if (standIn.enrolments.length === 1) standIn.cutConnections();
      return response;
    },
  });
  const identity = await enrolment.ensureIdentity(never);
  t.equal(standIn.enrolments.length, 2, 'it was tried again by itself');
  t.same(standIn.enrolments[0]!.csr, standIn.enrolments[1]!.csr, 'with the same request, so for the same key');
  t.equal(readFileSync(join(directory, 'identity', 'key.pem'), 'utf8'), identity.privateKey, 'the key on disk is that of the identity');
});

t.test('a refused token ends it at once, with the code of the coordinator', async (t) => {
  const { standIn, enrolment } = await bench(t);
  change(standIn, { enrol: () => Promise.reject(new WombatError('WO_TOKEN_REFUSED', 'the token was used')) });
  const error = await failure(enrolment.ensureIdentity(never));
  t.equal(error.code, 'WO_TOKEN_REFUSED', 'the reason is passed on');
  t.equal(standIn.enrolments.length, 1, 'it is not tried again');
});

t.test('a certificate for another key or another host is not taken', async (t) => {
  const { standIn, enrolment, directory } = await bench(t);
  const enrol = standIn.behaviour.enrol;
  change(standIn, { enrol: async (request) => ({ ...(await enrol(request)), hostId: 'host-aaaaaaaaaaaa' }) });
  const error = await failure(enrolment.ensureIdentity(never));
  t.equal(error.code, 'WO_CERTIFICATE_REFUSED', 'names are compared with the certificate');
  t.notOk(existsSync(join(directory, 'identity', 'identity.json')), 'nothing of it is stored');
});

t.test('without identity and without token it says what to do', async (t) => {
  const parts = { makeRequest, files: new IdentityFiles(t.testdir({})), coordinator: { host: '127.0.0.1', port: 1 }, tokenFile: undefined, clock: systemClock, log: memoryLog().log };
  const error = await failure(new Enrolment(parts).ensureIdentity(never));
  t.equal(error.code, 'WO_CONFIG_INVALID', 'it is a matter of configuration');
  t.match(error.hint, /--join-token-file/, 'the hint names the flag');
});

t.test('a malformed token is refused without a connection, and not quoted', async (t) => {
  const { standIn, enrolment } = await bench(t, { token: () => 'wo1.secret-that-is-no-token' });
  const error = await failure(enrolment.ensureIdentity(never));
  t.equal(error.code, 'WO_TOKEN_MALFORMED', 'the form is checked first');
  t.notMatch(error.message, /secret-that-is-no-token/, 'the text is not repeated');
  t.equal(standIn.sockets.size, 0, 'nobody was called');
});
