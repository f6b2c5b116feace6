import { durationFromMs } from '@wombat/proto';
import { ClusterHealth, RestartMode, type ClusterState as ClusterMessage, type Domain as DomainMessage, type Family as FamilyMessage, type RestartSpec as RestartMessage } from '@wombat/proto/control';
import type { Attribute } from '@wombat/proto/types';
import type { ClusterState, Domain, Family, RestartSpec } from '../../../domain/model/family.js';
import { typedValue } from '../../../domain/attributes/typed-value.js';
import type { Attributes } from '../../../domain/model/object.js';
import { replacementView } from '../family-replacement.js';
import { enumOf, metadataView } from './common.js';

/** Names by id, of what is named beside its id. */
export type Names = ReadonlyMap<string, string>;

export function familyView(family: Family, domains: readonly Domain[], names: Names = new Map()): FamilyMessage {
  const { spec } = family;
  return {
    metadata: metadataView(family),
    spec: {
      releaseId: spec.releaseId ?? '',
      releaseName: names.get(spec.releaseId ?? '') ?? '',
      selector: spec.selector,
      bootstrap: { strategy: spec.bootstrap.strategy, options: { ...spec.bootstrap.options } },
      firewall: spec.firewall.map((rule) => ({ ...rule })),
      environment: { ...spec.environment },
      secretNames: Object.keys(spec.sealedSecrets).sort(),
      neighbours: [],
      restart: restartView(spec.restart),
    },
    domains: domains.map((domain) => domainView(domain, names)),
    cluster: clusterView(family.cluster),
    replacement: replacementView(family.replacement),
  };
}

export function restartView({ mode = 'always', tries, intervalMs, delayMs }: RestartSpec): RestartMessage {
  return { mode: enumOf<RestartMode>(RestartMode, mode), tries, interval: durationFromMs(intervalMs), delay: durationFromMs(delayMs) };
}

function clusterView(cluster: ClusterState): ClusterMessage {
  return { health: enumOf<ClusterHealth>(ClusterHealth, cluster.health), parts: cluster.parts.map((nodes) => ({ nodes: [...nodes] })) };
}

export function domainView(domain: Domain, names: Names): DomainMessage {
  const { familyId, providerId, image, hardwareProfile, region, zone, nodesPerHost, maxHosts, priority, weight } = domain;
  return {
    metadata: metadataView(domain),
    familyId, providerId, image, hardwareProfile, region, zone, nodesPerHost, maxHosts, priority, weight,
    providerName: names.get(providerId) ?? '',
    labels: attributesView(domain.labels),
  };
}

export function attributesView(attributes: Attributes): Attribute[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: typedValue(value) }));
}
