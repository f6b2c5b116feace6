import type { Outlook } from '../../domain/healing/outlook.js';
import type { Family } from '../../domain/model/family.js';
import type { Host } from '../../domain/model/host.js';
import type { Node } from '../../domain/model/node.js';
import type { StoredError } from '../../domain/model/object.js';
import { giveUpHint } from './brakes.js';

/** What is to come of the nodes that one family has on a lost host. */
export interface FamilyOutlook {
  readonly family: Family;
  /** Those that should run. */
  readonly nodes: readonly Node[];
  readonly outlook: Outlook;
  /** Why they are not replaced although it is time. */
  readonly refused?: StoredError;
}

/** Without times, so that it changes only when something has. `leaving`: nodes that were replaced. */
export function describeOutlooks({ name: host, isDraining }: Pick<Host, 'name' | 'isDraining'>, outlooks: readonly FamilyOutlook[], leaving: number): string {
  const clauses = outlooks.map((each) => `${each.nodes.length === 1 ? each.nodes[0]!.name : `${each.nodes.length} nodes of ${each.family.name}`} ${clauseOf(host, each, each.nodes.length > 1)}`);
  if (leaving > 0) clauses.push(`${leaving === 1 ? 'a node' : `${leaving} nodes`} of it will be removed when it comes back`);
  if (outlooks.some(isHeld)) clauses.push(giveUpHint({ name: host }));
  if (isDraining) clauses.push('its drain goes on when it comes back');
  return clauses.join('; ') || 'no node waits for it';
}

/** The same for one of its nodes. */
export function nodeReason(host: string, outlook: FamilyOutlook): string {
  return `${host} is lost: it ${clauseOf(host, outlook, false)}${isHeld(outlook) ? `; ${giveUpHint({ name: host })}` : ''}`;
}

function isHeld({ refused }: FamilyOutlook): boolean {
  return refused?.code === 'WO_HEALING_HELD';
}

function clauseOf(host: string, { outlook, refused }: FamilyOutlook, areMany: boolean): string {
  const [is, waits] = areMany ? ['are', 'wait'] : ['is', 'waits'];
  if (refused) return `${is} not replaced: ${refused.message}`;
  if (outlook.kind === 'stays') return `${waits} for it to come back`;
  return outlook.kind === 'asks' ? `${waits} for you: wo host replace ${host}` : `${is} to be replaced`;
}
