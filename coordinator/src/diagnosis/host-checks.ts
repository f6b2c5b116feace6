import { quoted, wombatVersion } from '@wombat/proto';
import { Facts, type Sample } from '@wombat/proto/agent';
import type { Finding } from '@wombat/proto/control';
import type { Host } from '../domain/model/host.js';
import { judgeDisk } from './coordinator-checks.js';
import { fail, gibibytes, pass, warn } from './finding.js';

/** What is known of a host's agent at this moment. */
export interface HostState {
  readonly host: Host;
  readonly isConnected: boolean;
  readonly sample: Sample | undefined;
  readonly clockSkewMs: number | undefined;
}

const longestSkewMs = 5 * 60_000;

export function hostFindings({ host, isConnected, sample, clockSkewMs }: HostState): Finding[] {
  const { name } = host;
  const unknown = unknownNodesFinding(host);
  if (!isConnected) return [sessionFinding(host), ...unknown];
  const facts = host.facts === undefined ? undefined : Facts.fromJSON(host.facts);
  return [
    pass(name, 'session', 'its agent is connected'),
    ...(facts ? [versionFinding(name, facts.agentVersion), erlangFinding(name, facts)] : []),
    ...(sample ? [judgeDisk(name, Number(sample.diskFreeBytes), 0), memoryFinding(name, sample, facts)] : []),
    ...(clockSkewMs === undefined ? [] : [clockFinding(name, clockSkewMs)]),
    ...unknown,
  ];
}

function sessionFinding(host: Host): Finding {
  const since = host.lastSeenAt === undefined ? 'its agent has never reported' : `its agent was seen last at ${new Date(host.lastSeenAt).toISOString()}`;
  const hint = 'see that the machine runs, that its agent does, and that it reaches the address of `agents`';
  if (host.phase === 'up' || host.phase === 'unknown' || host.phase === 'draining') return fail(host.name, 'session', { message: since, hint, code: 'WO_HOST_UNREACHABLE' });
  return warn(host.name, 'session', { message: `it is ${host.phase}; ${since}`, hint: host.waiting?.reason ?? `see: wo host show ${quoted(host.name)}` });
}

function versionFinding(name: string, version: string): Finding {
  const [ours, theirs] = [wombatVersion, version].map((each) => each.split('.').map(Number));
  const isFar = ours?.[0] !== theirs?.[0] || Math.abs((ours?.[1] ?? 0) - (theirs?.[1] ?? 0)) > 1;
  if (!isFar) return pass(name, 'version', `agent ${version}`);
  return fail(name, 'version', { message: `agent ${version}, coordinator ${wombatVersion}`, hint: 'upgrade the older of the two', code: 'WO_VERSION_SKEW' });
}

/** Releases usually bring their own. */
function erlangFinding(name: string, { erts }: Facts): Finding {
  return pass(name, 'erlang', erts.length === 0 ? 'no Erlang of its own: releases must bring theirs' : `Erlang ${erts.map((each) => each.otpRelease || each.version).join(', ')}`);
}

function memoryFinding(name: string, { memoryAvailableBytes }: Sample, facts: Facts | undefined): Finding {
  const total = facts?.memoryBytes ?? 0n;
  const message = `${gibibytes(memoryAvailableBytes)} available${total > 0n ? ` of ${gibibytes(total)}` : ''}`;
  const isLow = Number(memoryAvailableBytes) < Math.max(64 * 1024 ** 2, Number(total) / 20);
  return isLow ? warn(name, 'memory', { message, hint: 'put fewer nodes on this host, or give it more memory' }) : pass(name, 'memory', message);
}

function clockFinding(name: string, skewMs: number): Finding {
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  if (seconds <= 1) return pass(name, 'clock', 'as the coordinator\'s, to a second');
  const message = `its clock is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} the coordinator's`;
  if (Math.abs(skewMs) > longestSkewMs) return fail(name, 'clock', { message, hint: 'set the clock, for example with chrony', code: 'WO_CLOCK_SKEW' });
  return Math.abs(skewMs) > 5_000 ? warn(name, 'clock', { message, hint: 'set the clock, for example with chrony' }) : pass(name, 'clock', message);
}

function unknownNodesFinding({ name, unknownNodeIds = [] }: Host): Finding[] {
  if (unknownNodeIds.length === 0) return [];
  return [warn(name, 'unknown nodes', {
    message: `it runs ${unknownNodeIds.length} nodes that this coordinator knows nothing of: ${unknownNodeIds.slice(0, 5).join(', ')}`,
    hint: `they were made after the backup that was restored; when they are not wanted, remove the host: wo host remove ${quoted(name)}`,
  })];
}
