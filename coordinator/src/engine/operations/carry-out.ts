import { WombatError, quoted } from '@wombat/proto';
import type { Node } from '../../domain/model/node.js';
import type { Operation, Wish } from '../../domain/model/operation.js';
import { presentPhases } from '../../domain/states/node-states.js';
import type { Transaction } from '../../store/store.js';
import { drainHost } from '../change-hosts.js';
import { changeNodes } from '../change-nodes.js';
import { deployNodes } from '../deploy-nodes.js';
import { findObject } from '../find-object.js';
import { replaceOnHost } from '../healing/replace-host.js';
import { scaleFamily } from '../scale-family.js';
import { updateFamily } from '../update/update-family.js';
import type { OperationTools } from './operation-tools.js';

/** Who asks, and the record of an operation whose turn has come. */
export interface Asker {
  readonly principal: string;
  readonly turn?: Operation;
}

/** Plans what is wanted against the state as it is, and writes it. @throws WombatError when it cannot be done now */
export async function carryOut(tools: OperationTools, transaction: Transaction, wish: Wish, asker: Asker): Promise<Operation> {
  switch (wish.kind) {
    case 'deploy': {
      const { amount, timeoutMs } = wish;
      const family = await findObject(transaction, 'families', wish.familyId);
      const releaseId = wish.releaseId || family.spec.releaseId;
      if (!releaseId) throw new WombatError('WO_NO_RELEASE', `family ${family.name} has no release attached`, { hint: `wo attach-release ${quoted(family.name)} RELEASE` });
      const release = await findObject(transaction, 'releases', releaseId);
      return deployNodes(tools, transaction, { family, release, amount, timeoutMs, maximum: tools.maxNodesPerOperation, joins: tools.joins(family), ...asker });
    }
    case 'scale': {
      const family = await findObject(transaction, 'families', wish.familyId);
      return scaleFamily(tools, transaction, { ...wish, family, ...asker });
    }
    case 'change':
      return changeNodes(tools, transaction, { ...wish, nodes: await meantBy(transaction, wish), joins: tools.joins, ...asker });
    case 'update':
      return updateFamily(tools, transaction, { ...wish, family: await findObject(transaction, 'families', wish.familyId), ...asker });
    case 'replace': {
      const family = await findObject(transaction, 'families', wish.familyId);
      return replaceOnHost(tools, transaction, { host: await findObject(transaction, 'hosts', wish.hostId), family, fenced: wish.fenced, ...asker });
    }
    case 'drain_host': {
      const host = await findObject(transaction, 'hosts', wish.hostId);
      return drainHost(tools, transaction, { host, noDrain: wish.noDrain, joins: tools.joins, ...asker });
    }
  }
}

/** Families that nobody else may hold meanwhile. */
export async function familiesOf(transaction: Transaction, wish: Wish): Promise<readonly string[]> {
  switch (wish.kind) {
    case 'deploy':
    case 'scale':
    case 'update':
    case 'replace':
      return [wish.familyId];
    case 'change':
      return [...new Set([...wish.familyIds, ...(await meantBy(transaction, wish)).map(({ familyId }) => familyId)])];
    case 'drain_host':
      return [...new Set((await transaction.nodes.find({ hostId: wish.hostId, phase: presentPhases })).map(({ familyId }) => familyId))];
  }
}

async function meantBy(transaction: Transaction, { nodeIds, familyIds }: Extract<Wish, { kind: 'change' }>): Promise<Node[]> {
  const nodes = new Map<string, Node>();
  for (const familyId of familyIds) {
    for (const node of await transaction.nodes.find({ familyId, phase: presentPhases })) nodes.set(node.id, node);
  }
  for (const id of nodeIds) {
    const node = await transaction.nodes.get(id);
    if (node && node.phase !== 'gone') nodes.set(id, node);
  }
  return [...nodes.values()];
}
