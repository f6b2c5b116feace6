import t from 'tap';
import { hostRow } from '../testing/rows.js';
import { CertificateWatch } from './certificate-watch.js';
import { HeldClock, newTestKey, openTestIdentities } from './testing.js';

const hourMs = 60 * 60 * 1000;

void t.test('a host that has not renewed when a third of the life is left is told, once, before the end', async (test) => {
  const clock = new HeldClock();
  const { identities, store, index } = await openTestIdentities(test, { clock });
  const host = await store.transaction((transaction) => transaction.hosts.insert(hostRow(1)));
  const watch = new CertificateWatch({ store, index, clock, onError: (error) => test.error(error, 'looking works') });
  const told = async (): Promise<string[]> => {
    await watch.look();
    return (await store.read.events.list({ afterSequence: 0, limit: 100, typePrefix: 'host.certificate-expiring' })).map(({ message }) => message);
  };
  const { text } = await identities.issueJoinToken({ hostId: host.id });
  const { csr } = await newTestKey();
  await identities.enrol({ token: text, csr, peer: '192.0.2.1:1' });
  clock.turn(16 * hourMs);
  test.same(await told(), [], 'at two thirds the agent has its turn');
  clock.turn(hourMs);
  test.match(await told(), [/has not renewed its certificate, which ends at .*Z/], 'an hour later it has missed it');
  clock.turn(hourMs);
  test.equal((await told()).length, 1, 'it is told once');

  const [own] = await store.read.hostCertificates.find({ hostId: host.id });
  await identities.renew({ kind: 'host', hostId: host.id, fingerprint: own!.id }, csr);
  clock.turn(16 * hourMs);
  test.equal((await told()).length, 1, 'who has renewed is well');
  clock.turn(9 * hourMs);
  test.match((await told())[1], /has ended at/, 'of one that was missed altogether it is told afterwards');

  await identities.revoke(host.id, 'test');
  clock.turn(40 * hourMs);
  test.equal((await told()).length, 2, 'nothing is told of a host that was revoked');
});
