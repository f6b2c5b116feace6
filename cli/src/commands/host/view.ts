import { hostPhaseToJSON, type Host } from '@wombat/proto/control';
import { attributeText } from '../../output/attribute.js';
import { nameAndId } from '../../control/names.js';
import type { Column } from '../../output/table.js';
import { relative } from '../../output/time.js';
import { bytes, word } from '../../output/words.js';
import { waitingOf, waitOf } from '../node/view.js';

export function hostColumns(nowMs: number): readonly Column<Host>[] {
  return [
    { title: 'NAME', text: (host) => host.metadata?.name ?? '', cut: true },
    { title: 'PHASE', text: hostPhaseOf },
    { title: 'SINCE', text: (host) => relative(host.phaseSince, nowMs), optional: 3 },
    { title: 'NODES', text: (host) => String(host.nodeCount) },
    { title: 'ADDRESS', text: (host) => host.addresses[0] ?? '' },
    { title: 'CPU', text: (host) => (host.sample ? `${Math.round(host.sample.cpuUtilisation * 100)}%` : ''), optional: 4 },
    { title: 'FREE MEMORY', text: (host) => (host.sample ? bytes(host.sample.memoryAvailableBytes) : ''), optional: 2 },
    { title: 'PROVIDER', text: (host) => host.providerName || host.providerId, wide: true },
    { title: 'PROFILE', text: (host) => host.hardwareProfile, wide: true },
    { title: 'LAST SEEN', text: (host) => lastSeenOf(host, nowMs), wide: true },
    { title: 'ID', text: (host) => host.metadata?.id ?? '', optional: 1 },
    { title: 'WHY', text: (host) => (host.lastError ? `${host.lastError.code}: ${host.lastError.message}` : waitingOf(host.waiting, nowMs)) },
  ];
}

export function hostPhaseOf(host: Host): string {
  return word(hostPhaseToJSON(host.phase), 'HOST_PHASE_');
}

/** When its session began is of no use while it lasts. */
function lastSeenOf(host: Host, nowMs: number): string {
  return hostPhaseOf(host) === 'up' ? 'now' : relative(host.lastSeenAt, nowMs);
}

export function hostEntries(host: Host, nowMs: number): readonly (readonly [string, string])[] {
  const { facts, sample } = host;
  return [
    ['id', host.metadata?.id ?? ''],
    ['name', host.metadata?.name ?? ''],
    ['phase', `${hostPhaseOf(host)}, since ${relative(host.phaseSince, nowMs)}`],
    ['waits', waitOf(host.waiting, nowMs)],
    ['provider', nameAndId(host.providerName, host.providerId)],
    ['image', host.image],
    ['profile', host.hardwareProfile],
    ['zone', [host.region, host.zone].filter(Boolean).join('/')],
    ['machine', host.machineId],
    ['addresses', host.addresses.join('\n')],
    ['nodes', String(host.nodeCount)],
    ['system', facts ? [facts.osRelease, facts.kernel, facts.platform?.arch].filter(Boolean).join(', ') : ''],
    ['cores', facts?.cpuCores ? `${facts.cpuCores}  ${facts.cpuModel}` : ''],
    ['memory', facts ? `${bytes(facts.memoryBytes)}${sample ? `, ${bytes(sample.memoryAvailableBytes)} free` : ''}` : ''],
    ['disks', (facts?.disks ?? []).map((disk) => `${disk.mount}  ${bytes(disk.freeBytes)} of ${bytes(disk.sizeBytes)} free`).join('\n')],
    ['erlang', (facts?.erts ?? []).map((erts) => `OTP ${erts.otpRelease} (ERTS ${erts.version}) ${erts.path}`).join('\n')],
    ['agent', [facts?.agentVersion, host.agentPackage && `package ${host.agentPackage.slice(0, 12)}`].filter(Boolean).join(', ')],
    ['load', sample ? `${sample.load1m.toFixed(2)}, cpu ${Math.round(sample.cpuUtilisation * 100)}%` : ''],
    ['silent since', relative(host.silentSince, nowMs)],
    ['last seen', lastSeenOf(host, nowMs)],
    ['certificate', host.certificateNotAfter ? `valid until ${host.certificateNotAfter.toISOString()}` : ''],
    ['attributes', host.attributes.map(attributeText).join('\n')],
    ['last error', host.lastError ? `${host.lastError.code}: ${host.lastError.message}\n${host.lastError.hint}` : ''],
  ];
}
