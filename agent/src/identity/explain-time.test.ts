import { fromServiceError, systemClock, unaryCall, type Clock, type WombatError } from '@wombat/proto';
import { EnrolmentServiceService, EnrolRequest } from '@wombat/proto/agent';
import t, { type Test } from 'tap';
import { StandInCoordinator } from '../testing/stand-in-coordinator.js';
import { TestAuthority } from '../testing/test-authority.js';
import { explainTime } from './explain-time.js';
import { secureClient } from './secure-client.js';

const hourMs = 3_600_000;

/** What a call to a coordinator whose certificate begins at that time is told to have failed for. */
async function told(t: Test, notBeforeMs: number, clock: Clock, trusted?: TestAuthority): Promise<WombatError> {
  const authority = await TestAuthority.create('testcluster1');
  const standIn = await StandInCoordinator.start({ authority, pair: await authority.coordinator(undefined, { notBeforeMs }) });
  t.teardown(() => standIn.stop());
  const trust = { clusterId: 'testcluster1', trustedCa: authority.certificate };
  const client = secureClient(standIn.address, trust);
  t.teardown(() => client.close());
  const error = await unaryCall(client, EnrolmentServiceService.enrol, EnrolRequest.fromPartial({}), 5_000, new AbortController().signal)
    .then(() => Promise.reject(new Error('it should have failed')), (caught: unknown) => fromServiceError(caught));
  t.equal(standIn.enrolments.length, 0, 'nothing was sent');
  return explainTime(error, standIn.address, trusted ? { ...trust, trustedCa: trusted.certificate } : trust, clock);
}

const behind: Clock = { ...systemClock, now: () => Date.now() - hourMs };

t.test('a clock that is an hour behind: measured by what the coordinator says the time is', async (t) => {
  const error = await told(t, Date.now() + hourMs / 2, behind);
  t.match(error, { code: 'WO_CLOCK_SKEW', message: /^the clock of this machine is (1 h 0 min|59 min 5\d s) behind the coordinator's$/ });
  t.ok(Math.abs(Number(error.details['skewMs']) + hourMs) < 5_000, 'the offset is a number, too');
});

t.test('a certificate that really is over is not blamed on the clock', async (t) => {
  t.match(await told(t, Date.now() - 3 * hourMs, systemClock), { code: 'WO_UNAVAILABLE', message: /has expired/ });
});

t.test('whoever has no certificate of the authority is not asked the time', async (t) => {
  t.match(await told(t, Date.now() + hourMs / 2, behind, await TestAuthority.create('testcluster1')), { code: 'WO_UNAVAILABLE' });
});
