import { Facts, type Sample } from '@wombat/proto/agent';
import { HostPhase, type Host as HostMessage } from '@wombat/proto/control';
import { hostAttributes } from '../../../domain/attributes/host-attributes.js';
import type { Host } from '../../../domain/model/host.js';
import type { Provider } from '../../../domain/model/provider.js';
import { dateOf, enumOf, errorView, metadataView, waitingView } from './common.js';

export function hostView(host: Host, provider: Provider | undefined, nodeCount: number, sample: Sample | undefined): HostMessage {
  const facts = host.facts === undefined ? undefined : Facts.fromJSON(host.facts);
  const { providerId, image, hardwareProfile, region, zone, machineId } = host;
  return {
    metadata: metadataView(host),
    providerId, image, hardwareProfile, region, zone, machineId,
    phase: enumOf<HostPhase>(HostPhase, host.phase),
    phaseSince: new Date(host.phaseSince),
    waiting: waitingView(host.waiting),
    addresses: [...host.addresses],
    nodeCount,
    providerName: provider?.name ?? '',
    facts,
    attributes: hostAttributes({ host, provider, facts }),
    sample,
    lastSeenAt: dateOf(host.lastSeenAt),
    agentPackage: host.agentPackage ?? '',
    silentSince: dateOf(host.silentSince),
    certificateNotAfter: dateOf(host.certificateNotAfter),
    lastError: errorView(host.lastError),
  };
}
