import { clockSkewError } from '@wombat/proto';
import type { NewEvent } from './event.js';

/** The operator is told which machine it is and how far its clock is off. */
export function clockSkewEvent(hostId: string, hostName: string, source: string, skewMs: number): NewEvent {
  const { code, message } = clockSkewError(`the clock of ${hostName} (${source})`, skewMs);
  return { type: 'host.clock-skew', subjectId: hostId, subjectName: hostName, hostId, reason: code, message, payload: { source, skewMs: Math.round(skewMs) }, payloadVersion: 1 };
}
