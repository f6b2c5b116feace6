import { WombatError } from '@wombat/proto';
import type { AgentUpdateTerms } from '../../domain/model/agent-update.js';
import type { Host } from '../../domain/model/host.js';
import type { Operation, PlanEntry } from '../../domain/model/operation.js';
import type { Fleet } from '../../fleet/fleet.js';
import type { Transaction } from '../../store/store.js';
import { operationEvent } from '../events.js';
import { heldBy } from '../family-lock.js';
import { operationIdOf, writeOperation } from '../operations/write-operation.js';
import type { EngineTools } from '../place-nodes.js';
import { withNames } from '../plan-names.js';
import { archOf, packageFor } from './package-for.js';

/** To fetch and unpack the package on a slow line, to end, and to be given up or greeted. */
export const hostWithinMs = 12 * 60_000;

export interface UpdateAgentsTools extends EngineTools {
  readonly fleet: Pick<Fleet, 'isConnected' | 'can'>;
}

export interface UpdateAgentsRequest {
  readonly hosts: readonly Host[];
  /** They were named: one that cannot be updated is an error. */
  readonly areNamed: boolean;
  readonly terms: AgentUpdateTerms;
  readonly principal: string;
}

export interface SkippedHost {
  readonly hostId: string;
  readonly hostName: string;
  readonly reason: string;
}

export interface StartedUpdate {
  /** Not there: no agent is to be updated. */
  readonly operation?: Operation;
  readonly skipped: readonly SkippedHost[];
}

/**
 * Writes the operation that brings the agents of these hosts to the packages.
 * @throws WombatError WO_CONFLICT while another such operation goes on, and for a host that was named and cannot be updated
 */
export async function updateAgents(tools: UpdateAgentsTools, transaction: Transaction, request: UpdateAgentsRequest): Promise<StartedUpdate> {
  const [other] = await transaction.operations.find({ kind: 'update_agents', state: ['running', 'cancelling'] });
  if (other) throw heldBy(other, 'the update of agents');
  const judged = request.hosts.map((host) => ({ host, ...judge(tools.fleet, host, request.terms) }));
  const refused = judged.find(({ isRefused }) => isRefused);
  if (request.areNamed && refused) throw new WombatError('WO_CONFLICT', `the agent of ${refused.host.name} cannot be updated: ${refused.reason}`, { hint: refused.hint ?? '' });
  const skipped = judged.flatMap(({ host, reason }) => (reason === undefined ? [] : [{ hostId: host.id, hostName: host.name, reason }]));
  const hosts = judged.filter(({ reason }) => reason === undefined).map(({ host }) => host);
  if (hosts.length === 0) return { skipped };
  return { operation: await write(tools, transaction, hosts, request), skipped };
}

interface Judged {
  /** Why it is left as it is. */
  readonly reason?: string;
  readonly isRefused?: true;
  readonly hint?: string;
}

function judge(fleet: UpdateAgentsTools['fleet'], host: Host, terms: AgentUpdateTerms): Judged {
  if (host.phase !== 'up' && host.phase !== 'draining') return { isRefused: true, reason: `the host is ${host.phase}` };
  if (!fleet.isConnected(host.id)) return { isRefused: true, reason: 'it has no session', hint: 'see that its machine runs: wo doctor' };
  const wanted = packageFor(host, terms);
  if (wanted && host.agentPackage === wanted.sha256) return { reason: 'it runs this package already' };
  if (!fleet.can(host.id, 'agent.update')) return { isRefused: true, reason: 'it was not installed by install.sh, or by an older one', hint: 'install it anew on its machine: docs/guides/operate.md' };
  return wanted ? {} : { isRefused: true, reason: archOf(host) === '' ? 'it has not told yet what machine it is' : `the coordinator has no package for linux-${archOf(host)}`, hint: 'make it: node scripts/package-agent.js' };
}

async function write(tools: EngineTools, transaction: Transaction, hosts: readonly Host[], { terms, principal }: UpdateAgentsRequest): Promise<Operation> {
  const plan: PlanEntry[] = hosts.map(({ id }) => ({ action: 'update_agent', nodeId: '', nodeName: '', hostId: id, domainId: '', reason: 'its agent runs another package' }));
  const waves = 1 + Math.ceil(Math.max(0, hosts.length - terms.canary) / terms.atOnce);
  const name = hosts.length === 1 ? `update agent of ${hosts[0]!.name}` : `update agents of ${hosts.length} hosts`;
  const operation = await writeOperation(tools, transaction, operationIdOf(tools, undefined), {
    name, kind: 'update_agents', familyId: '', principal, agents: terms, timeoutMs: waves * hostWithinMs,
    plan: await withNames(transaction, plan, hosts), progress: { total: plan.length, done: 0, failed: 0 },
  });
  await transaction.events.append(operationEvent(operation, 'operation.started', `${principal} updates the agents of ${hosts.length} hosts`));
  return operation;
}
