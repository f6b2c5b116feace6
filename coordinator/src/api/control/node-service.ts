import type { Clock, Ids } from '@wombat/proto';
import { NodeServiceService } from '@wombat/proto/control';
import type { Identity } from '../../auth/identity.js';
import { nodePhases, type Node } from '../../domain/model/node.js';
import type { NodeChange, Operation } from '../../domain/model/operation.js';
import { presentPhases } from '../../domain/states/node-states.js';
import type { AssignmentBuilder } from '../../engine/assignment-builder.js';
import { findObject } from '../../engine/find-object.js';
import type { OperationTools } from '../../engine/operations/operation-tools.js';
import { startOperation } from '../../engine/operations/start-operation.js';
import { isOutdated } from '../../engine/update/count-outdated.js';
import type { Fleet } from '../../fleet/fleet.js';
import type { Store } from '../../store/store.js';
import { implement, type Service } from '../service.js';
import { listNodeLogs } from './logs/list-node-logs.js';
import { readNodeLogs } from './logs/read-node-logs.js';
import { meantIds, meantNodes } from './meant-nodes.js';
import { mutate } from './mutation.js';
import { dataPolicy } from './node-data.js';
import { nodeNames } from './node-names.js';
import { pageQuery } from './paging.js';
import { asked, type StartRequest } from './started-operation.js';
import { nodeView } from './views/node-view.js';
import { renderView } from './views/render-view.js';
import { operationView } from './views/operation-view.js';

export interface NodeServiceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly fleet: Fleet;
  readonly operations: OperationTools;
  readonly assignments: AssignmentBuilder;
}

const operationTimeoutMs = 15 * 60_000;

export function nodeService(options: NodeServiceOptions): Service {
  const { store } = options;
  const find = (reference: string): Promise<Node> => findObject(store.read, 'nodes', reference);
  const change = async (what: NodeChange, request: StartRequest & { readonly nodes: readonly string[] }, identity: Identity, { keepData = true, noDrain = false } = {}): Promise<Operation> =>
    mutate(store, request.mutation, async (transaction) => {
      const { nodeIds, familyIds, names } = await meantIds(transaction, request.nodes);
      const wish = { kind: 'change', change: what, nodeIds, familyIds, keepData, noDrain, timeoutMs: operationTimeoutMs } as const;
      return startOperation(options.operations, transaction, asked(request, identity, wish, `${what} ${names.join(', ')}`));
    });
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
      const [namesOf, family] = await Promise.all([nodeNames(store.read, [node]), store.read.families.get(node.familyId)]);
      return { node: nodeView(node, namesOf(node)), outdated: family !== undefined && (await isOutdated(store.read, family, node)) };
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
      const { keepData, data } = await dataPolicy(options, request, await meantNodes(store.read, request.nodes), signal);
      const operation = await change('remove', request, identity, { keepData, noDrain: request.noDrain });
      return { operation: operationView(operation), data };
    },
    async renderNode(request, { signal }) {
      return renderView(await options.assignments.render(await find(request.node), { signal }));
    },
    readNodeLogs(request, context) {
      return readNodeLogs(options, request, context.signal);
    },
    listNodeLogs(request, context) {
      return listNodeLogs(options, request, context.signal);
    },
  });
}
