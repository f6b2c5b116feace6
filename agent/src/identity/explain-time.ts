import { WombatError, type Clock } from '@wombat/proto';
import { isTimeRefusal, skewBehind } from '@wombat/proto/coordinator-time';
import type { CoordinatorAddress } from './coordinator-address.js';
import { coordinatorName } from './identity.js';
import type { ClientTrust } from './secure-client.js';

/** What is the matter when the coordinator's certificate is not valid by the clock of this machine: the clock, or really the certificate. */
export async function explainTime(caught: unknown, address: CoordinatorAddress, trust: Pick<ClientTrust, 'clusterId' | 'trustedCa'>, clock: Clock): Promise<WombatError> {
  const error = WombatError.from(caught);
  if (!isTimeRefusal(error.message)) return error;
  const place = { ...address, authorities: trust.trustedCa, name: coordinatorName(trust.clusterId) };
  return (await skewBehind(place, 'the clock of this machine', () => clock.now(), error)) ?? error;
}
