import { MachineState, type Machine } from '@wombat/proto/plugin';
import type { Host, HostPhase } from '../../domain/model/host.js';
import type { Stray } from '../../domain/model/stray.js';

export type FoundStray = Pick<Stray, 'kind' | 'machineId' | 'key' | 'hostId' | 'reason' | 'isTwin'>;

export interface Findings {
  readonly providerId: string;
  readonly machines: readonly Machine[];
  /** As they were before the machines were listed: what is newer may be missing from the list. */
  readonly hostsBefore: readonly Host[];
  /** By key, as they are after it: what is newer has a row. Of all providers, as two may be the same account. */
  readonly hostsAfter: ReadonlyMap<string, Host>;
  readonly isConnected: (hostId: string) => boolean;
  readonly now: number;
  /** How far a list may be behind. */
  readonly appearsWithinMs: number;
}

/** Of hosts that are meant to have a machine, and whose agent is not there. */
const phasesWithMachine: ReadonlySet<HostPhase> = new Set<HostPhase>(['booting', 'unknown', 'lost', 'draining', 'failed']);

/** What does not belong together, of one provider. */
export function findStrays(findings: Findings): readonly FoundStray[] {
  return [...findings.machines.flatMap((machine) => orphan(machine, findings) ?? []), ...findings.hostsBefore.flatMap((host) => ghost(host, findings) ?? [])];
}

function orphan(machine: Machine, { providerId, hostsAfter, now, appearsWithinMs }: Findings): FoundStray | undefined {
  // It goes already.
  if (machine.state === MachineState.DESTROYING) return undefined;
  const host = hostsAfter.get(machine.key);
  const found = { kind: 'orphan', machineId: machine.machineId, key: machine.key, hostId: host?.id ?? machine.hostId } as const;
  if (!host) return { ...found, reason: 'this coordinator has no host for it' };
  if (host.phase === 'gone') {
    // A list may still show what was destroyed a moment ago.
    return now - host.phaseSince < appearsWithinMs ? undefined : { ...found, reason: `its host ${host.name} is gone` };
  }
  if (host.providerId !== providerId || host.machineId === '' || host.machineId === machine.machineId || host.phase === 'destroying') return undefined;
  return { ...found, isTwin: true, reason: `its host ${host.name} has another machine, ${host.machineId}` };
}

function ghost(before: Host, { machines, hostsAfter, isConnected, now, appearsWithinMs }: Findings): FoundStray | undefined {
  const host = hostsAfter.get(before.key);
  if (!host || host.desired === 'absent' || !phasesWithMachine.has(host.phase) || host.machineId === '' || before.machineId !== host.machineId) return undefined;
  // An agent that talks runs somewhere, whatever the list shows.
  if (isConnected(host.id) || now - host.phaseSince < appearsWithinMs) return undefined;
  // Said already.
  if (host.phase === 'failed' && host.lastError?.code === 'WO_MACHINE_GONE') return undefined;
  if (machines.some((machine) => machine.machineId === host.machineId || machine.key === host.key)) return undefined;
  return { kind: 'ghost', machineId: host.machineId, key: host.key, hostId: host.id, reason: `the provider has no machine ${host.machineId} any more; its host ${host.name} is ${host.phase}` };
}
