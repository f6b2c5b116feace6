import { clusterHealthToJSON, restartModeToJSON, type ClusterState, type Domain, type Family } from '@wombat/proto/control';
import { durationToMs } from '@wombat/proto';
import { formatFirewallRule } from '../../parse/firewall-rule.js';
import { replacementText } from '../../parse/replacement.js';
import { nameAndId } from '../../control/names.js';
import type { Column } from '../../output/table.js';
import { elapsed, relative } from '../../output/time.js';
import { word } from '../../output/words.js';

export function familyColumns(nowMs: number): readonly Column<Family>[] {
  return [
    { title: 'NAME', text: (family) => family.metadata?.name ?? '', cut: true },
    { title: 'RELEASE', text: (family) => family.spec?.releaseName || family.spec?.releaseId || 'none' },
    { title: 'CLUSTER', text: (family) => clusterWord(family.cluster) },
    { title: 'BOOTSTRAP', text: (family) => family.spec?.bootstrap?.strategy ?? '', wide: true },
    { title: 'DOMAINS', text: (family) => String(family.domains.length) },
    { title: 'CREATED', text: (family) => relative(family.metadata?.createdAt, nowMs), wide: true },
    { title: 'ID', text: (family) => family.metadata?.id ?? '' },
  ];
}

export function clusterWord(cluster: ClusterState | undefined): string {
  const health = word(clusterHealthToJSON(cluster?.health ?? 0), 'CLUSTER_HEALTH_').replace('_', ' ');
  return health === 'split' ? `split into ${cluster!.parts.length}` : health;
}

export function familyEntries(family: Family, nowMs: number): readonly (readonly [string, string])[] {
  const { spec } = family;
  return [
    ['id', family.metadata?.id ?? ''],
    ['name', family.metadata?.name ?? ''],
    ['release', nameAndId(spec?.releaseName, spec?.releaseId) || 'none; attach one with wo attach-release'],
    ['selector', spec?.selector ?? ''],
    ['bootstrap', [spec?.bootstrap?.strategy ?? '', ...Object.entries(spec?.bootstrap?.options ?? {}).map(([key, value]) => `${key}:${value}`)].join('\n')],
    ['cluster', [clusterWord(family.cluster), ...(family.cluster?.parts ?? []).map((part) => part.nodes.join(' '))].join('\n')],
    ['firewall', (spec?.firewall ?? []).map(formatFirewallRule).join('\n')],
    ['environment', Object.entries(spec?.environment ?? {}).map(([key, value]) => `${key}=${value}`).join('\n')],
    ['secrets', (spec?.secretNames ?? []).join('\n')],
    ['restart', restartOf(family)],
    ['replacement', replacementText(family.replacement)],
    ['domains', family.domains.map(domainLine).join('\n') || 'none; add one with wo add-domain'],
    ['created', relative(family.metadata?.createdAt, nowMs)],
  ];
}

export function domainLine(domain: Domain): string {
  const limits = `${domain.nodesPerHost || 1} nodes a host${domain.maxHosts ? `, at most ${domain.maxHosts} hosts` : ''}`;
  const place = [domain.region, domain.zone].filter(Boolean).join('/');
  return [domain.metadata?.id, domain.providerName || domain.providerId, domain.image, domain.hardwareProfile, place, limits, `priority ${domain.priority}`, `weight ${domain.weight || 1}`].filter(Boolean).join('  ');
}

function restartOf({ spec }: Family): string {
  const restart = spec?.restart;
  if (!restart) return '';
  const mode = word(restartModeToJSON(restart.mode), 'RESTART_MODE_').replace('_', '-');
  if (mode === 'never') return mode;
  const interval = durationToMs(restart.interval);
  const delay = durationToMs(restart.delay);
  return `${mode}, ${restart.tries} tries${interval ? ` in ${elapsed(interval)}` : ''}${delay ? `, ${elapsed(delay)} apart` : ''}`;
}
