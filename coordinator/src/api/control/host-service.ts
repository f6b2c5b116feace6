import { WombatError, type Clock, type Ids } from '@wombat/proto';
import { HostServiceService, type UpdateAgentsRequest } from '@wombat/proto/control';
import { principalOf } from '../../auth/identity.js';
import type { HostIdentities } from '../../auth/host-identities.js';
import type { AgentUpdateTerms } from '../../domain/model/agent-update.js';
import type { Host } from '../../domain/model/host.js';
import type { Operation } from '../../domain/model/operation.js';
import { presentHostPhases } from '../../domain/states/host-states.js';
import { presentPhases } from '../../domain/states/node-states.js';
import { updateAgents } from '../../engine/agent-updates/update-agents.js';
import { removeHost } from '../../engine/change-hosts.js';
import { findObject } from '../../engine/find-object.js';
import type { OperationTools } from '../../engine/operations/operation-tools.js';
import { startOperation } from '../../engine/operations/start-operation.js';
import { familiesToReplace } from '../../engine/healing/replace-host.js';
import type { Fleet } from '../../fleet/fleet.js';
import type { Store, Transaction } from '../../store/store.js';
import type { AgentPackages } from '../../installer/agent-packages.js';
import { implement, type Service } from '../service.js';
import { mutate, mutateObject } from './mutation.js';
import { pageQuery } from './paging.js';
import { asked } from './started-operation.js';
import { hostView } from './views/host-view.js';
import { operationView } from './views/operation-view.js';

export interface HostServiceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly fleet: Fleet;
  readonly operations: OperationTools;
  readonly packages: Pick<AgentPackages, 'wanted'>;
  readonly identities: Pick<HostIdentities, 'revoke'>;
}

export function hostService(options: HostServiceOptions): Service {
  const { store, fleet, operations } = options;
  const find = (reference: string): Promise<Host> => findObject(store.read, 'hosts', reference);
  /** What belongs to all of them is asked for once. */
  const viewsOf = async (hosts: readonly Host[]): Promise<ReturnType<typeof hostView>[]> => {
    const providers = new Map((await store.read.providers.find({})).map((provider) => [provider.id, provider]));
    const nodes = hosts.length === 0 ? {} : await store.read.nodes.countBy('hostId', { hostId: hosts.map(({ id }) => id), phase: presentPhases });
    return hosts.map((host) => hostView(host, providers.get(host.providerId), nodes[host.id] ?? 0, fleet.sample(host.id)));
  };
  const answer = (operation: Operation): { operation: ReturnType<typeof operationView> } => ({ operation: operationView(operation) });
  return implement(HostServiceService, {
    async listHosts(request) {
      const query = await pageQuery<'hosts'>(
        request.page,
        { provider: { field: 'providerId', resolve: async (text) => (await findObject(store.read, 'providers', text)).id }, phase: { field: 'phase' }, name: { field: 'name' } },
        request.includeGone ? {} : { phase: presentHostPhases },
      );
      const page = await store.read.hosts.page(query);
      return { hosts: await viewsOf(page.items), page: { nextPageToken: page.nextPageToken } };
    },
    async getHost(request) {
      const [host] = await viewsOf([await find(request.host)]);
      return { host };
    },
    async drainHost(request, { identity }) {
      const work = (transaction: Transaction, host: Host): Promise<Operation> => {
        const wish = { kind: 'drain_host', hostId: host.id, noDrain: request.noDrain } as const;
        return startOperation(operations, transaction, asked(request, identity, wish, `drain host ${host.name}`));
      };
      return answer(await mutateObject(store, request.mutation, 'hosts', request.host, work));
    },
    async removeHost(request, { identity }) {
      const work = (transaction: Transaction, host: Host): Promise<Operation> => removeHost(options, transaction, host, principalOf(identity));
      return answer(await mutateObject(store, request.mutation, 'hosts', request.host, work));
    },
    async revokeHost(request, { identity }) {
      const why = request.reason === '' ? '' : `: ${checkedReason(request.reason)}`;
      const host = await mutateObject(store, request.mutation, 'hosts', request.host, async (transaction, host) => {
        await options.identities.revoke(host.id, `${principalOf(identity)} asked for it${why}`, transaction);
        return host;
      });
      const [view] = await viewsOf([host]);
      return { host: view };
    },
    async replaceHost(request, { identity }) {
      const { fenced } = request;
      const replacements = await mutateObject(store, request.mutation, 'hosts', request.host, async (transaction, host) => {
        const started: Operation[] = [];
        for (const familyId of await familiesToReplace(transaction, host, fenced)) {
          const wish = { kind: 'replace', familyId, hostId: host.id, fenced } as const;
          started.push(await startOperation(operations, transaction, asked(request, identity, wish, `replace nodes of ${host.name}`)));
        }
        return started;
      });
      return { operations: replacements.map(operationView) };
    },
    async updateAgents(request, { identity }) {
      const terms = await agentTerms(request, options.packages);
      const areNamed = request.hosts.length > 0;
      const { operation, skipped } = await mutate(store, request.mutation, async (transaction) => {
        const hosts = areNamed ? await allFound(transaction, request.hosts) : byName(await transaction.hosts.find({ phase: presentHostPhases }));
        return updateAgents(options, transaction, { hosts, areNamed, terms, principal: principalOf(identity) });
      });
      return {
        operation: operation && operationView(operation),
        skipped: [...skipped],
      };
    },
  });
}

async function agentTerms({ canary = 1, atOnce }: UpdateAgentsRequest, packages: HostServiceOptions['packages']): Promise<AgentUpdateTerms> {
  if (canary > mostAtOnce || atOnce > mostAtOnce) throw new WombatError('WO_INVALID_ARGUMENT', `at most ${mostAtOnce} agents are updated at once`);
  const wanted = await packages.wanted();
  if (Object.keys(wanted).length === 0) throw new WombatError('WO_AGENT_PACKAGE_MISSING', 'there is no package of the agent that hosts could be given');
  return { canary, atOnce: atOnce || usualAtOnce, packages: wanted };
}

async function allFound(transaction: Transaction, references: readonly string[]): Promise<Host[]> {
  const hosts = new Map<string, Host>();
  for (const reference of references) {
    const host = await findObject(transaction, 'hosts', reference);
    hosts.set(host.id, host);
  }
  return [...hosts.values()];
}

function byName(hosts: readonly Host[]): Host[] {
  return [...hosts].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const [usualAtOnce, mostAtOnce] = [10, 1_000];
const longestReason = 200;

function checkedReason(reason: string): string {
  if (reason.length <= longestReason && !/\p{Cc}/u.test(reason)) return reason;
  throw new WombatError('WO_INVALID_ARGUMENT', `a reason is at most ${longestReason} characters in one line`);
}
