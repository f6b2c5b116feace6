import t, { type Test } from 'tap';
import { WombatError } from '@wombat/proto';
import { CertificateIndex } from './certificate-index.js';
import { HeldClock, leafOf, newTestKey, openTestIdentities, type TestIdentities } from './testing.js';

const minuteMs = 60_000;
const hostId = 'host-aaaaaaaaaaaa';
const peer = '192.0.2.1:40000';

async function opened(test: Test): Promise<TestIdentities & { clock: HeldClock }> {
  const clock = new HeldClock();
  return { ...(await openTestIdentities(test, { clock })), clock };
}

async function refusalOf(promise: Promise<unknown>): Promise<WombatError> {
  return promise.then(
    () => {
      throw new Error('it was not refused');
    },
    (error: unknown) => WombatError.from(error),
  );
}

void t.test('a token gives its host an identity, and nothing of the secret is stored', async (test) => {
  const { identities, store } = await opened(test);
  const { token, text } = await identities.issueJoinToken({ hostId });
  const { csr } = await newTestKey();
  const enrolled = await identities.enrol({ token: text, csr, peer });
  test.equal(enrolled.hostId, hostId, 'the host of the token');
  const identity = identities.identify(leafOf(enrolled.certificate.certificateChain));
  test.match(identity, { kind: 'host', hostId }, 'the certificate is known at once');
  const stored = JSON.stringify([await store.read.joinTokens.find({}), await store.read.events.list({ afterSequence: 0, limit: 100 })]);
  test.notMatch(stored, text.split('.')[3]!, 'the secret is in no row and no event');
  test.match(await store.read.joinTokens.get(token.id), { usedFrom: '192.0.2.1', usedKey: /^[0-9a-f]{64}$/ }, 'who used it is recorded');
  const [event] = await store.read.events.list({ afterSequence: 0, limit: 100, typePrefix: 'host.enrolled' });
  test.match(event, { subjectId: hostId, message: /192\.0\.2\.1/ }, 'the operator is told');
});

void t.test('50 joiners at once with one token: one identity', async (test) => {
  const { identities, store } = await openTestIdentities(test, { clock: new HeldClock(), failures: { perSecond: 1, burst: 1000 } });
  const { text } = await identities.issueJoinToken({ hostId });
  const keys = await Promise.all(Array.from({ length: 50 }, () => newTestKey()));
  const outcomes = await Promise.allSettled(keys.map(({ csr }) => identities.enrol({ token: text, csr, peer })));
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected').map((outcome) => WombatError.from(outcome.reason).code);
  test.same(refused, Array.from({ length: 49 }, () => 'WO_TOKEN_REFUSED'), '49 are refused');
  test.equal((await store.read.hostCertificates.find({ hostId })).length, 1, 'one certificate was signed');
});

void t.test('the answer is lost: the same key gets the same host again, for an hour', async (test) => {
  const { identities, clock, store } = await opened(test);
  const { text } = await identities.issueJoinToken({ hostId });
  const { csr } = await newTestKey();
  const first = await identities.enrol({ token: text, csr, peer });
  clock.turn(20 * minuteMs);
  const second = await identities.enrol({ token: text, csr, peer: '192.0.2.99:1' });
  test.equal(second.hostId, first.hostId, 'same host, though the token has expired in the meantime');
  test.not(second.certificate.certificateChain, first.certificate.certificateChain, 'a certificate of its own');
  test.equal((await store.read.events.list({ afterSequence: 0, limit: 100, typePrefix: 'host.enrolled' })).length, 1, 'told once');
  clock.turn(41 * minuteMs);
  test.equal((await refusalOf(identities.enrol({ token: text, csr, peer }))).code, 'WO_TOKEN_REFUSED', 'not for ever');
});

void t.test('unknown, wrong, expired, used and revoked tokens are refused alike; the operator is told the difference', async (test) => {
  const { identities, clock, store, authority } = await opened(test);
  const { csr } = await newTestKey();
  const used = await identities.issueJoinToken({ hostId });
  await identities.enrol({ token: used.text, csr: (await newTestKey()).csr, peer: '192.0.2.50:1' });
  const revoked = await identities.issueJoinToken({ hostId: 'host-bbbbbbbbbbbb' });
  await identities.revokeJoinToken(revoked.token.id);
  const expired = await identities.issueJoinToken({ hostId: 'host-cccccccccccc', validForMs: 1000 });
  clock.turn(1000);
  const secret = 'A'.repeat(43);
  const cases: [string, string, string][] = [
    ['unknown', `wo1.${authority.sha256}.tok-zzzzzzzzzzzz.${secret}`, 'tok-zzzzzzzzzzzz'],
    ['unknown', `wo1.${authority.sha256}.${used.token.id}.${secret}`, used.token.id],
    ['unknown', used.text.replace(authority.sha256, 'a'.repeat(64)), used.token.id],
    ['expired', expired.text, expired.token.id],
    ['used', used.text, used.token.id],
    ['revoked', revoked.text, revoked.token.id],
  ];
  const wordings = new Set<string>();
  for (const [reason, token, tokenId] of cases) {
    const error = await refusalOf(identities.enrol({ token, csr, peer }));
    // Waits for its turn behind the event, which nobody else waits for.
    await store.transaction(async () => undefined);
    wordings.add(JSON.stringify([error.code, error.message, error.hint, error.details]));
    const event = (await store.read.events.list({ afterSequence: 0, limit: 1000, typePrefix: 'token.refused' })).at(-1)!;
    test.match(event, { subjectId: tokenId, reason, payload: { source: '192.0.2.1' } }, `the event of ${reason}`);
    if (reason === 'used') test.match(event, { message: /used before from 192\.0\.2\.50/ }, 'and names who used it before');
  }
  test.equal(wordings.size, 1, `the joiner reads the same each time: ${[...wordings].join(' | ')}`);
  test.equal((await refusalOf(identities.enrol({ token: 'hunter2', csr, peer }))).code, 'WO_TOKEN_MALFORMED', 'no token at all');
});

void t.test('a clock that is off uses up no token, and the operator is told once how far', async (test) => {
  const { identities, clock, store } = await opened(test);
  const { text } = await identities.issueJoinToken({ hostId });
  const { csr } = await newTestKey();
  const at = (skewMs: number): Promise<unknown> => identities.enrol({ token: text, csr, peer, agentTime: new Date(clock.now() + skewMs) });
  for (const [skewMs, says] of [[60 * minuteMs, /1 h 0 min ahead of/], [-61 * minuteMs, /1 h 1 min behind/], [5 * minuteMs + 1000, /5 min 1 s ahead/]] as const) {
    const error = await refusalOf(at(skewMs));
    test.match(error, { code: 'WO_CLOCK_SKEW', message: says, details: { skewMs: String(skewMs) } });
  }
  const events = await store.read.events.list({ afterSequence: 0, limit: 100 });
  test.match(events.map(({ type, reason, message }) => [type, reason, message]), [['host.clock-skew', 'WO_CLOCK_SKEW', /host-aaaaaaaaaaaa \(192\.0\.2\.1\) is 1 h 0 min ahead/]]);
  test.equal((await refusalOf(identities.enrol({ token: text.replace('wo1', 'wo2'), csr, peer, agentTime: new Date(0) }))).code, 'WO_TOKEN_MALFORMED', 'strangers are not told about clocks');
  await at(-4 * minuteMs);
  test.pass('within 5 minutes it works');
});

void t.test('a request is read only for who has a token, and a bad one does not use it up', async (test) => {
  const { identities } = await opened(test);
  const { text } = await identities.issueJoinToken({ hostId });
  const key = await newTestKey();
  const unsigned = Buffer.from(key.csr);
  unsigned[unsigned.length - 5]! ^= 0xff;
  for (const csr of [Buffer.from('garbage'), unsigned]) {
    test.equal((await refusalOf(identities.enrol({ token: text.replace(/.$/, '_'), csr, peer }))).code, 'WO_TOKEN_REFUSED', 'what comes with a wrong token is not looked at');
    test.equal((await refusalOf(identities.enrol({ token: text, csr, peer }))).code, 'WO_CSR_INVALID');
  }
  test.equal((await identities.enrol({ token: text, csr: key.csr, peer })).hostId, hostId);
  const thief = await newTestKey();
  const keyAt = key.csr.indexOf(Buffer.from('3059301306072a', 'hex'));
  const claiming = Buffer.concat([key.csr.subarray(keyAt, keyAt + 91), thief.csr]);
  test.equal((await refusalOf(identities.enrol({ token: text, csr: claiming, peer }))).code, 'WO_CSR_INVALID', 'whoever claims the key of the first must have it');
});

void t.test('failed enrolments are limited for each address, successful ones are not', async (test) => {
  const { identities, clock } = await opened(test);
  const { csr } = await newTestKey();
  for (let index = 0; index < 30; index += 1) {
    const { text } = await identities.issueJoinToken({ hostId: 'host-aaaaaaaaaaaa' });
    await identities.enrol({ token: text, csr, peer });
  }
  const attempt = (from: string): Promise<WombatError> => refusalOf(identities.enrol({ token: 'garbage', csr, peer: from }));
  for (let index = 0; index < 10; index += 1) test.equal((await attempt(`192.0.2.1:${1000 + index}`)).code, 'WO_TOKEN_MALFORMED', `failure ${index + 1}`);
  test.equal((await attempt('192.0.2.1:2000')).code, 'WO_RATE_LIMITED', 'the eleventh, whatever its port');
  test.equal((await attempt('192.0.2.2:2000')).code, 'WO_TOKEN_MALFORMED', 'another address is not touched');
  clock.turn(1000);
  test.equal((await attempt('192.0.2.1:2000')).code, 'WO_TOKEN_MALFORMED', 'one more after a second');
});

void t.test('a certificate is refused with its reason', async (test) => {
  const { identities, index, clock } = await opened(test);
  const { csr } = await newTestKey();
  const join = async (id: string): Promise<Buffer> => {
    const { text } = await identities.issueJoinToken({ hostId: id });
    return leafOf((await identities.enrol({ token: text, csr, peer })).certificate.certificateChain);
  };
  const first = await join(hostId);
  const second = await join('host-bbbbbbbbbbbb');
  const cut: string[] = [];
  index.onRevoked((_, revokedHost) => cut.push(revokedHost));
  await identities.revoke(hostId, 'the machine was stolen');
  test.throws(() => identities.identify(first), { code: 'WO_CERTIFICATE_REFUSED', details: { reason: 'revoked' } }, 'revoked');
  test.match(identities.identify(second), { hostId: 'host-bbbbbbbbbbbb' }, 'another host goes on');
  test.same(cut, [hostId], 'whoever holds connections is told which to cut');
  test.throws(() => identities.identify(Buffer.from('x')), { code: 'WO_CERTIFICATE_REFUSED', details: { reason: 'unknown' } }, 'unknown');
  clock.turn(24 * 60 * minuteMs);
  test.throws(() => identities.identify(second), { code: 'WO_CERTIFICATE_REFUSED', details: { reason: 'expired' } }, 'expired');
});

void t.test('revoking takes the tokens of the host too, and holds over a restart', async (test) => {
  const { identities, store, clock } = await opened(test);
  const { csr } = await newTestKey();
  const { text } = await identities.issueJoinToken({ hostId });
  const enrolled = await identities.enrol({ token: text, csr, peer });
  await identities.revoke(hostId, 'test');
  test.equal((await refusalOf(identities.enrol({ token: text, csr, peer }))).code, 'WO_TOKEN_REFUSED', 'the key that joined cannot join again');
  const index = new CertificateIndex(store, clock);
  await index.load();
  const leaf = leafOf(enrolled.certificate.certificateChain);
  test.throws(() => index.identify(leaf), { code: 'WO_CERTIFICATE_REFUSED', details: { reason: 'revoked' } }, 'the next process refuses it as well');
});

void t.test('renewal keeps the host, allows a new key, and forgets what is long over', async (test) => {
  const { identities, store, clock } = await opened(test);
  const { text } = await identities.issueJoinToken({ hostId });
  const first = await identities.enrol({ token: text, csr: (await newTestKey()).csr, peer });
  let identity = identities.identify(leafOf(first.certificate.certificateChain));
  for (let day = 0; day < 4; day += 1) {
    clock.turn(16 * 60 * minuteMs);
    const renewed = await identities.renew(identity, (await newTestKey()).csr);
    identity = identities.identify(leafOf(renewed.certificateChain));
    test.equal(identity.hostId, hostId, `renewal ${day + 1} is for the same host`);
  }
  const kept = await store.read.hostCertificates.find({ hostId });
  test.ok(kept.length < 5, `certificates that ended a day ago are gone; ${kept.length} are kept`);
  await identities.revoke(hostId, 'test');
  const refused = await refusalOf(identities.renew(identity, (await newTestKey()).csr));
  test.match(refused, { code: 'WO_CERTIFICATE_REFUSED', details: { reason: 'revoked' } }, 'a revoked host cannot renew');
});

void t.test('a revocation is told once, however often whoever removes the host has to try', async (test) => {
  const { identities, store } = await opened(test);
  const { text } = await identities.issueJoinToken({ hostId });
  await identities.enrol({ token: text, csr: (await newTestKey()).csr, peer });
  const told = async (): Promise<number> => (await store.read.events.list({ afterSequence: 0, limit: 100, typePrefix: 'host.identity-revoked' })).length;
  for (let attempt = 0; attempt < 3; attempt += 1) await identities.revoke(hostId, 'the host is removed');
  test.equal(await told(), 1);
  await identities.issueJoinToken({ hostId });
  await identities.revoke(hostId, 'again');
  test.equal(await told(), 2, 'what is given later is taken too');
});
