import { toServiceError, WombatError } from '@wombat/proto';
import { implement, type CallContext, type Service } from '../../api/service.js';
import type { AgentFleet } from '../agent-fleet.js';
import { sessionWire } from '../session-wire.js';
import type { DuplexCall } from '../stream-closer.js';
import { hostOf } from './host-of.js';

/** SessionService of the agents' door: streams go to the fleet, under the identity of their certificate. */
export function sessionService(fleet: Pick<AgentFleet, 'acceptSession' | 'acceptChannel'>): Service {
  return implement(sessionWire, {
    session: (call, context) => withHost(call, context, (hostId) => fleet.acceptSession(call, hostId, context.peer, context.signal)),
    channel: (call, context) => withHost(call, context, (hostId) => fleet.acceptChannel(call, hostId)),
  });
}

function withHost(call: DuplexCall, context: CallContext, accept: (hostId: string) => void): void {
  try {
    accept(hostOf(context).hostId);
  } catch (error) {
    call.emit('error', toServiceError(WombatError.from(error)));
  }
}
