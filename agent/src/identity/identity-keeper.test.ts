import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WombatError } from '@wombat/proto';
import t, { type Test } from 'tap';
import { memoryLog } from '../testing/log-memory.js';
import { ManualClock } from '../testing/manual-clock.js';
import { StandInCoordinator } from '../testing/stand-in-coordinator.js';
import { until } from '../testing/until.js';
import { makeCertificateRequest as makeRequest } from './certificate-request.js';
import { Enrolment } from './enrolment.js';
import { IdentityFiles } from './identity-files.js';
import { IdentityKeeper } from './identity-keeper.js';

const hourMs = 3_600_000;

async function enrolled(t: Test, clock: ManualClock): Promise<{ standIn: StandInCoordinator; keeper: IdentityKeeper; files: IdentityFiles; stop: AbortController }> {
  const standIn = await StandInCoordinator.start();
  t.teardown(() => standIn.stop());
  const directory = t.testdir({});
  const tokenFile = join(directory, 'token');
  writeFileSync(tokenFile, standIn.joinToken());
  const files = new IdentityFiles(directory);
  const { log } = memoryLog();
  const shared = { files, makeRequest, coordinator: standIn.address, log };
  const enrolment = new Enrolment({ ...shared, tokenFile, clock });
  const keeper = new IdentityKeeper({ ...shared, enrolment, clock });
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  standIn.certificateLife = { notBeforeMs: clock.now(), lifetimeMs: 3 * hourMs };
  await keeper.ensure(stop.signal);
  return { standIn, keeper, files, stop };
}

t.test('the certificate is renewed at two thirds of its life, by mutual TLS', async (t) => {
  const clock = new ManualClock(Math.floor(Date.now() / 1000) * 1000);
  const { standIn, keeper, files, stop } = await enrolled(t, clock);
  const first = keeper.current();
  let renewals = 0;
  let sawCertificate = false;
  const renew = standIn.behaviour.renew;
  standIn.behaviour.renew = (request) => {
    renewals++;
    sawCertificate = [...standIn.sockets].some((socket) => socket.authorized);
    standIn.certificateLife = { notBeforeMs: clock.now(), lifetimeMs: 3 * hourMs };
    return renew(request);
  };
  let told = 0;
  keeper.onRenewed(() => told++);
  const running = keeper.renewForever(stop.signal);
  running.catch(() => undefined);
  // The keeper looks at the clock at least every ten minutes.
  for (let slept = 0; slept < 119; slept += 1) await turn(clock, 60_000);
  t.equal(renewals, 0, 'a minute before two thirds nothing happens');
  await turn(clock, 60_000);
  await until(() => told === 1, 'the renewal');
  t.equal(renewals, 1, 'at two thirds it asks once');
  t.ok(sawCertificate, 'the connection proves the host by its certificate');
  t.not(keeper.current().certificateChain, first.certificateChain, 'the certificate is a new one');
  t.equal(keeper.current().privateKey, first.privateKey, 'for the same key');
  t.same(files.load(), keeper.current(), 'and is on the disk');
});

t.test('a renewal that fails is tried again, and the old certificate stays', async (t) => {
  const clock = new ManualClock(Math.floor(Date.now() / 1000) * 1000);
  const { standIn, keeper, stop } = await enrolled(t, clock);
  const first = keeper.current();
  const renew = standIn.behaviour.renew;
  let tries = 0;
  standIn.behaviour.renew = async (request) => {
    if (++tries === 1) throw new WombatError('WO_UNAVAILABLE', 'not now');
    standIn.certificateLife = { notBeforeMs: clock.now(), lifetimeMs: 3 * hourMs };
    return renew(request);
  };
  clock.advance(2 * hourMs);
  keeper.renewForever(stop.signal).catch(() => undefined);
  await until(() => clock.pending().length === 1 && tries === 1, 'the pause after the first try');
  t.equal(keeper.current(), first, 'nothing has changed');
  clock.advance(2_000);
  await until(() => keeper.current() !== first, 'the second try');
  t.equal(tries, 2, 'the second try got it');
});

t.test('a certificate that looks old as soon as it comes is asked for again only after a pause', async (t) => {
  const clock = new ManualClock(Math.floor(Date.now() / 1000) * 1000);
  const { standIn, keeper, stop } = await enrolled(t, clock);
  let renewals = 0;
  const renew = standIn.behaviour.renew;
  standIn.behaviour.renew = (request) => {
    renewals++;
    return renew(request);
  };
  // This machine's clock is a year ahead.
  clock.advance(365 * 24 * hourMs);
  keeper.renewForever(stop.signal).catch(() => undefined);
  await until(() => clock.pending().length === 1, 'the pause');
  t.same([renewals, clock.pending()], [1, [10_000]], 'one renewal, then ten seconds');
});

async function turn(clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms);
  // Lets whoever was woken look at the clock and go to sleep again.
  await new Promise((resolve) => setImmediate(resolve));
}
