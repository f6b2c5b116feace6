import { WombatError } from '@wombat/proto';
import type { ConsoleWish } from '@wombat/proto/control';
import type { Host } from '../../../domain/model/host.js';
import type { Node } from '../../../domain/model/node.js';
import { findObject, lookUp } from '../../../engine/find-object.js';
import { nodeRef, runs } from '../../../engine/jobs/job-target-ref.js';
import { hintWithNearest } from '../../../engine/nearest-name.js';
import type { Reader } from '../../../store/store.js';

/** Where a console is opened. Without a node: on the host itself. */
export interface ConsoleTarget {
  readonly host: Host;
  readonly node?: Node;
}

type ConsoleReader = Pick<Reader, 'families' | 'nodes' | 'hosts'>;

/** @throws WombatError WO_NOT_FOUND, WO_AMBIGUOUS, WO_INVALID_ARGUMENT for a family, WO_NODE_NOT_RUNNING for its own console */
export async function consoleTarget(read: ConsoleReader, { target, onHost, shell }: Pick<ConsoleWish, 'target' | 'onHost' | 'shell'>): Promise<ConsoleTarget> {
  const node = await lookUp(read, 'nodes', target);
  if (!node || node.phase === 'gone') return { host: await presentHost(read, target) };
  const host = await findObject(read, 'hosts', node.hostId);
  if (onHost) return { host };
  if (!shell && !runs(nodeRef(node))) {
    throw new WombatError('WO_NODE_NOT_RUNNING', `${node.name} is ${node.phase}: there is nothing to open a console of`, { hint: `start it: wo node start ${node.name}; or open a shell where it lies: wo console ${node.name} --shell` });
  }
  return { host, node };
}

async function presentHost(read: ConsoleReader, target: string): Promise<Host> {
  const host = await lookUp(read, 'hosts', target);
  if (host && host.phase !== 'gone') return host;
  const family = await lookUp(read, 'families', target);
  if (family) throw new WombatError('WO_INVALID_ARGUMENT', `${family.name} is a family, and a console is on one node`, { hint: `choose one of its nodes: wo match ${JSON.stringify(family.name)}` });
  throw new WombatError('WO_NOT_FOUND', `no node and no host is called ${JSON.stringify(target.slice(0, 80))}`, {
    hint: await hintWithNearest(read, ['nodes', 'hosts'], target, 'see those there are: wo node list, wo host list'),
  });
}
