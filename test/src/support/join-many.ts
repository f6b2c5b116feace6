import { newId } from '@wombat/proto';
import { CreateJoinTokenRequest, TokenServiceService } from '@wombat/proto/control';
import { joinAsHost, type Certified } from './host-identity.js';
import type { Workshop } from './workshop.js';

export interface JoinedHost extends Certified {
  readonly hostId: string;
}

/** Enrolled at a time. */
const atOnce = 10;

/** So many hosts that have joined as by hand, named `machine ...`; none of them has an agent yet. */
export async function joinMany({ coordinator }: Workshop, amount: number): Promise<readonly JoinedHost[]> {
  const { agents } = await coordinator.connect();
  const { authority } = await coordinator.credentials();
  const hosts: JoinedHost[] = [];
  const join = async (): Promise<JoinedHost> => {
    const { token } = await coordinator.control.call(TokenServiceService.createJoinToken, CreateJoinTokenRequest.fromPartial({ hostName: newId('host').replace('host-', 'machine ') }));
    return joinAsHost(agents, authority, token);
  };
  while (hosts.length < amount) hosts.push(...(await Promise.all(Array.from({ length: Math.min(atOnce, amount - hosts.length) }, join))));
  return hosts;
}
