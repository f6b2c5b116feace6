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

t.test('a clock that is set, either way, brings no renewal forward and puts none off', async (t) => {
  for (const jumpMs of [-24 * hourMs, 24 * hourMs]) {
    const clock = new ManualClock(Math.floor(Date.now() / 1000) * 1000);
    const { standIn, keeper, stop } = await enrolled(t, clock);
    let renewals = 0;
    const renew = standIn.behaviour.renew;
    standIn.behaviour.renew = (request) => {
      renewals++;
      return renew(request);
    };
    keeper.renewForever(stop.signal).catch(() => undefined);
    await until(() => clock.pending().length === 1, 'the wait for the renewal');
    clock.jump(jumpMs);
    await turn(clock, 2 * hourMs - 60_000);
    t.equal(renewals, 0, `${jumpMs / hourMs} h: not before its time`);
    await turn(clock, 60_000);
    await until(() => renewals === 1, `${jumpMs / hourMs} h: the renewal in its time`);
    await until(() => clock.pending().length === 1, 'the wait for the next');
    t.ok(clock.pending()[0]! > hourMs, `${jumpMs / hourMs} h: the next is not asked for at once`);
    stop.abort();
  }
});

t.test('when the coordinator says that the certificate is over, it is renewed at once', async (t) => {
  const clock = new ManualClock(Math.floor(Date.now() / 1000) * 1000);
  const { keeper, stop } = await enrolled(t, clock);
  const first = keeper.current();
  keeper.renewForever(stop.signal).catch(() => undefined);
  await until(() => clock.pending().length === 1, 'the wait for the renewal');
  keeper.renewSoon();
  await until(() => keeper.current() !== first, 'the renewal');
  const second = keeper.current();
  keeper.renewSoon();
  await until(() => clock.pending().length === 1, 'the pause before the next');
  t.equal(keeper.current(), second, 'who asks for it twice gets it once');
  t.ok(clock.pending()[0]! <= 10_000, 'and again after a pause');
});

async function turn(clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms);
  // Lets whoever was woken look at the clock and go to sleep again.
  await new Promise((resolve) => setImmediate(resolve));
}
