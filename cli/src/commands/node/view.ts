import { quoted } from '@wombat/proto';
import { nodeDesiredToJSON, nodePhaseToJSON, type GetNodeResponse, type Node, type Waiting } from '@wombat/proto/control';
import { concreteHint, nameAndId } from '../../control/names.js';
import type { Colours } from '../../terminal/colours.js';
import type { Column } from '../../output/table.js';
import { relative } from '../../output/time.js';
import { word } from '../../output/words.js';

export function nodeColumns(nowMs: number, colours: Colours): readonly Column<Node>[] {
  return [
    { title: 'NAME', text: (node) => node.metadata?.name ?? '', cut: true },
    { title: 'FAMILY', text: (node) => node.familyName || node.familyId, cut: true },
    { title: 'PHASE', text: phaseOf, paint: (padded, node) => paintPhase(padded, node, colours) },
    { title: 'SINCE', text: (node) => relative(node.phaseSince, nowMs), optional: 3 },
    { title: 'HOST', text: (node) => node.hostName || node.hostId, cut: true },
    { title: 'ADDRESS', text: (node) => node.erlangName || node.address, optional: 2 },
    { title: 'PID', text: (node) => (node.pid ? String(node.pid) : ''), wide: true },
    { title: 'RESTARTS', text: (node) => String(node.restarts), wide: true },
    { title: 'RELEASE', text: (node) => node.releaseId, wide: true },
    { title: 'ID', text: (node) => node.metadata?.id ?? '', optional: 1 },
    { title: 'WHY', text: (node) => whyOf(node, nowMs) },
  ];
}

export function phaseOf(node: Node): string {
  return word(nodePhaseToJSON(node.phase), 'NODE_PHASE_');
}

export function paintPhase(text: string, node: Node, colours: Colours): string {
  switch (phaseOf(node)) {
    case 'running':
      return colours.green(text);
    case 'failed':
      return colours.red(text);
    case 'stopped':
    case 'gone':
      return colours.dim(text);
    default:
      return colours.yellow(text);
  }
}

/** The error and when it is tried again, or what it waits for. */
export function whyOf(node: Node, nowMs: number): string {
  if (node.lastError && phaseOf(node) !== 'running') {
    const next = node.waiting?.nextTryAt ? `, next try ${relative(node.waiting.nextTryAt, nowMs)}` : '';
    return `${node.lastError.code}: ${node.lastError.message}${next}`;
  }
  return waitingOf(node.waiting, nowMs);
}

/** "waits: its host is created, since 3m ago, next try in 5s" */
export function waitingOf(waiting: Waiting | undefined, nowMs: number): string {
  return waiting ? `waits: ${waitOf(waiting, nowMs)}` : '';
}

/** The same without its first word. */
export function waitOf(waiting: Waiting | undefined, nowMs: number): string {
  if (!waiting) return '';
  return [waiting.reason, waiting.since && `since ${relative(waiting.since, nowMs)}`, waiting.nextTryAt && `next try ${relative(waiting.nextTryAt, nowMs)}`]
    .filter(Boolean)
    .join(', ');
}

export function nodeEntries({ node: found, outdated }: GetNodeResponse, nowMs: number): readonly (readonly [string, string])[] {
  const node = found!;
  return [
    ['id', node.metadata?.id ?? ''],
    ['name', node.metadata?.name ?? ''],
    ['family', [node.familyName, node.familyId].filter(Boolean).join('  ')],
    ['phase', `${phaseOf(node)}, since ${relative(node.phaseSince, nowMs)}`],
    ['wanted', word(nodeDesiredToJSON(node.desired), 'NODE_DESIRED_')],
    ['waits', waitOf(node.waiting, nowMs)],
    ['host', nameAndId(node.hostName, node.hostId)],
    ['domain', [node.domainName, node.domainId].filter(Boolean).join('  ')],
    ['release', [node.releaseTitle, node.releaseId].filter(Boolean).join('  ')],
    ['revision', `${node.familyGeneration}${outdated ? ` of the family, which says something else now: wo family update ${quoted(node.familyName || node.familyId)}` : ''}`],
    ['address', node.address],
    ['erlang node', node.erlangName],
    ['ports', node.ports.map((port) => `${port.name} ${port.protocol}:${port.number}`).join('\n')],
    ['pid', node.pid ? String(node.pid) : ''],
    ['started', relative(node.startedAt, nowMs)],
    ['restarts', String(node.restarts)],
    ['last error', node.lastError ? `${node.lastError.code}: ${node.lastError.message}\n${concreteHint(node.lastError.hint, node.metadata?.name)}` : ''],
    ['last lines', node.lastError ? node.logTail.trimEnd() : ''],
  ];
}
