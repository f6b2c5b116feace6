import t, { type Test } from 'tap';
import { hostRow } from '../testing/rows.js';
import { change, eventsAfter, put } from '../testing/test-store.js';
import { readCertificateRequest } from './certificate-request.js';
import { LostCertificates } from './lost-certificates.js';
import { rememberRestore } from './restored.js';
import { HeldClock, leafOf, newTestKey, openTestIdentities, type TestIdentities } from './testing.js';

const minuteMs = 60_000;
const host = hostRow(1);

/** A store as it was at `backupAt`, restored an hour later; certificates are issued by the authority without being recorded. */
async function restored(test: Test): Promise<TestIdentities & { clock: HeldClock; lost: LostCertificates; issue: (hostId?: string) => Promise<Buffer>; events: () => Promise<string[]> }> {
  const clock = new HeldClock();
  const identities = await openTestIdentities(test, { clock });
  const { store, authority } = identities;
  await put(store, 'hosts', host);
  const request = await readCertificateRequest((await newTestKey()).csr);
  const issue = async (hostId = host.id): Promise<Buffer> => leafOf((await authority.issueHostCertificate(hostId, request)).chainPem);
  const lost = new LostCertificates({ store, clock, clusterId: 'testcluster1' });
  return { ...identities, clock, lost, issue, events: async () => (await eventsAfter(store)).map((event) => event.split(' ')[0]!) };
}

async function restore({ store, clock }: { store: TestIdentities['store']; clock: HeldClock }): Promise<void> {
  const backupAt = clock.now();
  clock.turn(60 * minuteMs);
  await rememberRestore(store, { backupAt, restoredAt: clock.now() });
}

t.test('a certificate issued between backup and restore is good again', async (test) => {
  const of = await restored(test);
  const backupAt = of.clock.now();
  of.clock.turn(10 * minuteMs);
  const der = await of.issue();
  of.clock.turn(10 * minuteMs);
  await rememberRestore(of.store, { backupAt, restoredAt: of.clock.now() });
  test.throws(() => of.index.identify(der), { code: 'WO_CERTIFICATE_REFUSED' }, 'it is unknown at first');
  await of.lost.recover(der, '10.0.0.7');
  test.match(of.index.identify(der), { kind: 'host', hostId: host.id }, 'and known from then on');
  await of.lost.recover(der, '10.0.0.7');
  test.same(await of.events(), ['coordinator.restored', 'host.certificate-recovered'], 'told once');
});

t.test('one that was issued before the backup, or after the restore, is not', async (test) => {
  const of = await restored(test);
  const early = await of.issue();
  of.clock.turn(minuteMs);
  await restore(of);
  of.clock.turn(minuteMs);
  const late = await of.issue();
  for (const der of [early, late]) await of.lost.recover(der, '10.0.0.7');
  for (const der of [early, late]) test.throws(() => of.index.identify(der), { code: 'WO_CERTIFICATE_REFUSED' });
});

t.test('without a restore nothing is recovered; nor for a host that shall go, or whose identity was revoked', async (test) => {
  const of = await restored(test);
  of.clock.turn(minuteMs);
  const der = await of.issue();
  await of.lost.recover(der, '10.0.0.7');
  test.same(await of.events(), [], 'a store that is its own first');
  await rememberRestore(of.store, { backupAt: of.clock.now() - minuteMs / 2, restoredAt: of.clock.now() });
  await change(of.store, 'hosts', host.id, { desired: 'absent' });
  await of.lost.recover(der, '10.0.0.7');
  test.throws(() => of.index.identify(der), { code: 'WO_CERTIFICATE_REFUSED' }, 'the host is to go');
});

t.test('a host without a row is told of, once, and stays outside', async (test) => {
  const of = await restored(test);
  const backupAt = of.clock.now();
  of.clock.turn(minuteMs);
  const der = await of.issue('host-bbbbbbbbbbbb');
  of.clock.turn(minuteMs);
  await rememberRestore(of.store, { backupAt, restoredAt: of.clock.now() });
  await of.lost.recover(der, '10.0.0.8');
  await of.lost.recover(der, '10.0.0.8');
  test.same(await of.events(), ['coordinator.restored', 'host.unknown']);
  test.throws(() => of.index.identify(der), { code: 'WO_CERTIFICATE_REFUSED' });
});
