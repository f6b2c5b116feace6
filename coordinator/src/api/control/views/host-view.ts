import { Facts, type Sample } from '@wombat/proto/agent';
import { HostPhase, type Host as HostMessage } from '@wombat/proto/control';
import type { Host } from '../../../domain/model/host.js';
import { dateOf, enumOf, errorView, metadataView, waitingView } from './common.js';

export function hostView(host: Host, nodeCount: number, sample: Sample | undefined): HostMessage {
  const { providerId, image, hardwareProfile, region, zone, machineId } = host;
  return {
    metadata: metadataView(host),
    providerId, image, hardwareProfile, region, zone, machineId,
    phase: enumOf<HostPhase>(HostPhase, host.phase),
    phaseSince: new Date(host.phaseSince),
    waiting: waitingView(host.waiting),
    addresses: [...host.addresses],
    nodeCount,
    facts: host.facts === undefined ? undefined : Facts.fromJSON(host.facts),
    sample,
    lastSeenAt: dateOf(host.lastSeenAt),
    certificateNotAfter: dateOf(host.certificateNotAfter),
    lastError: errorView(host.lastError),
  };
}
