import type { Clock, Ids } from '@wombat/proto';
import { DataPolicy, NodeServiceService, type Mutation } from '@wombat/proto/control';
import { principalOf, type Identity } from '../../auth/identity.js';
import type { Family } from '../../domain/model/family.js';
import { nodePhases, type Node } from '../../domain/model/node.js';
import type { Operation } from '../../domain/model/operation.js';
import { presentPhases } from '../../domain/states/node-states.js';
import type { AssignmentBuilder } from '../../engine/assignment-builder.js';
import { joinsCluster } from '../../engine/bootstrap/joins-cluster.js';
import { changeNodes, type NodeChange } from '../../engine/change-nodes.js';
import { findObject } from '../../engine/find-object.js';
import type { StrategyDirectory } from '../../engine/ports.js';
import type { Fleet } from '../../fleet/fleet.js';
import type { Store } from '../../store/store.js';
import { implement, type Service } from '../service.js';
import { listNodeLogs } from './logs/list-node-logs.js';
import { readNodeLogs } from './logs/read-node-logs.js';
import { meantNodes } from './meant-nodes.js';
import { mutate } from './mutation.js';
import { dataOf, refuseUnlessEmpty } from './node-data.js';
import { nodeNames } from './node-names.js';
import { pageQuery } from './paging.js';
import { nodeView } from './views/node-view.js';
import { renderView } from './views/render-view.js';
import { operationView } from './views/operation-view.js';

export interface NodeServiceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly fleet: Fleet;
  readonly strategies: StrategyDirectory;
  readonly assignments: AssignmentBuilder;
}

const operationTimeoutMs = 15 * 60_000;

export function nodeService(options: NodeServiceOptions): Service {
  const { store } = options;
  const find = (reference: string): Promise<Node> => findObject(store.read, 'nodes', reference);
  const change = async (what: NodeChange, request: { mutation: Mutation | undefined; nodes: readonly string[] }, identity: Identity, { keepData = true, noDrain = false } = {}): Promise<Operation> => {
    return mutate(store, request.mutation, async (transaction) =>
      changeNodes(options, transaction, {
        change: what, nodes: await meantNodes(transaction, request.nodes), keepData, noDrain, principal: principalOf(identity), timeoutMs: operationTimeoutMs,
        joins: (family: Family) => joinsCluster(options.strategies, family),
      }),
    );
  };
  return implement(NodeServiceService, {
    async listNodes(request) {
      const idOf = (kind: 'families' | 'hosts') => async (text: string): Promise<string> => (await findObject(store.read, kind, text)).id;
      const query = await pageQuery<'nodes'>(
        request.page,
        { family: { field: 'familyId', resolve: idOf('families') }, host: { field: 'hostId', resolve: idOf('hosts') }, phase: { field: 'phase', values: nodePhases }, name: { field: 'name' } },
        request.includeGone ? {} : { phase: presentPhases },
      );
      const page = await store.read.nodes.page(query);
      const namesOf = await nodeNames(store.read, page.items);
      return { nodes: page.items.map((node) => nodeView(node, namesOf(node))), page: { nextPageToken: page.nextPageToken } };
    },
    async getNode(request) {
      const node = await find(request.node);
      return { node: nodeView(node, (await nodeNames(store.read, [node]))(node)) };
    },
    async startNodes(request, { identity }) {
      return { operation: operationView(await change('start', request, identity)) };
    },
    async stopNodes(request, { identity }) {
      return { operation: operationView(await change('stop', request, identity)) };
    },
    async restartNodes(request, { identity }) {
      return { operation: operationView(await change('restart', request, identity)) };
    },
    async drainNodes(request, { identity }) {
      return { operation: operationView(await change('drain', request, identity)) };
    },
    async removeNodes(request, { identity, signal }) {
      const isDryRun = request.mutation?.dryRun ?? false;
      const isSaid = request.data === DataPolicy.KEEP || request.data === DataPolicy.DELETE;
      const data = isDryRun || !isSaid ? await dataOf(options, await meantNodes(store.read, request.nodes), signal) : [];
      // A value that this version does not know is no permission to delete.
      if (!isDryRun && !isSaid) refuseUnlessEmpty(data);
      // What has been written since it was found empty is kept.
      const operation = await change('remove', request, identity, { keepData: request.data !== DataPolicy.DELETE, noDrain: request.noDrain });
      return { operation: operationView(operation), data: isDryRun ? data : [] };
    },
    async renderNode(request) {
      return renderView(await options.assignments.render(await find(request.node)));
    },
    readNodeLogs(request, context) {
      return readNodeLogs(options, request, context.signal);
    },
    listNodeLogs(request, context) {
      return listNodeLogs(options, request, context.signal);
    },
  });
}
