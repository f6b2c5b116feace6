import type { ExecProgress} from '@wombat/proto/agent';
import { Facts, NodePhase as AgentPhase, type AgentUpdateFailed, type Assignment, type ExecOutcome, type Hello, type NodeStatus, type OutcomeRef } from '@wombat/proto/agent';
import { isSkewed, type Clock, type WombatError } from '@wombat/proto';
import { failpoint } from '@wombat/proto/failpoints';
import { clockSkewEvent } from '../domain/model/clock-skew-event.js';
import type { Family } from '../domain/model/family.js';
import type { Host } from '../domain/model/host.js';
import type { Node, NodePhase } from '../domain/model/node.js';
import { afterDrain } from '../domain/states/draining.js';
import { agentReported, updateFailed, type AgentReport } from '../domain/update/agent-reported.js';
import { advance } from '../domain/states/machine.js';
import { hostTransitions } from '../domain/states/host-states.js';
import { hasEndedWell, inPhase } from '../domain/states/node-states.js';
import type { FleetListener } from '../fleet/fleet.js';
import type { Store, Transaction } from '../store/store.js';
import type { BoundedHistory } from './bounded-history.js';
import { forgetUnknown, getAhead, isBehind, rememberUnknown } from './behind-agents.js';
import { agentEvent, hostPhaseEvent, journalDamageEvent, nodeEvent, nodePhaseEvent, storedError, storedErrorOf } from './events.js';
import type { StrategyDirectory } from './ports.js';
import { joinsCluster } from './bootstrap/joins-cluster.js';

export interface AgentReportsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly strategies: StrategyDirectory;
  readonly history: BoundedHistory;
  /** What a session begins with. */
  readonly fullSync: (hostId: string) => Promise<readonly Assignment[]>;
  /** Stored when it resolves. */
  readonly outcomes: (hostId: string, outcomes: readonly ExecOutcome[]) => Promise<readonly OutcomeRef[]>;
  /** What a command writes that runs there. @default nobody looks on */
  readonly progress?: (hostId: string, progress: ExecProgress) => void;
  /** Called once the session is open. */
  readonly connected: (hostId: string) => void;
  /** The host has no session any more. */
  readonly silent: (hostId: string, reason: string, unheardMs: number) => void;
}

/** No more often than this, however often its agent comes back. */
const skewAlarmMs = 60 * 60_000;

/** Phases as agents say them; ABSENT ends the node. */
const phaseOf: Readonly<Partial<Record<AgentPhase, NodePhase>>> = {
  [AgentPhase.PENDING]: 'pending',
  [AgentPhase.FETCHING]: 'fetching',
  [AgentPhase.CONFIGURING]: 'configuring',
  [AgentPhase.STARTING]: 'starting',
  [AgentPhase.READY]: 'ready',
  [AgentPhase.STOPPING]: 'stopping',
  [AgentPhase.STOPPED]: 'stopped',
  [AgentPhase.FAILED]: 'failed',
  [AgentPhase.ABSENT]: 'gone',
};

/** Nothing is left that could be drained. */
const endedPhases: readonly NodePhase[] = ['stopped', 'failed'];

/** Writes what agents tell into the store; what follows from it is the controllers' to do. */
export class AgentReports implements FleetListener {
  readonly #options: AgentReportsOptions;

  /** When it was last told, by host: a clock that is wrong stays wrong for a while. */
  readonly #skewToldAtMs = new Map<string, number>();

  constructor(options: AgentReportsOptions) {
    this.#options = options;
  }

  async onConnected(hostId: string, hello: Hello): Promise<readonly Assignment[]> {
    const { store, clock } = this.#options;
    const { agentTime, journalDamages } = hello;
    const skewMs = agentTime === undefined ? 0 : agentTime.getTime() - clock.now();
    await failpoint('coordinator.session.before-up');
    await store.transaction(async (transaction) => {
      const host = await transaction.hosts.get(hostId);
      if (!host || host.desired === 'absent') return;
      for (const damage of journalDamages) await this.#options.history.append(transaction, journalDamageEvent(host, damage));
      if (isSkewed(skewMs)) await this.#tellSkew(transaction, host, skewMs);
      const { waiting: _over, lastError: _past, silentSince: _silence, agentPackage: _before, isDraining, ...rest } = host;
      const now = clock.now();
      const reported = agentReported(host.agentUpdate, reportOf(hello), now);
      const back = { ...rest, ...reported, lastSeenAt: now };
      await this.#tellAgentUpdate(transaction, host, back);
      if (host.phase === 'up' || host.phase === 'draining') {
        await transaction.hosts.update(back);
        return;
      }
      const phase = advance(`host ${host.name}`, hostTransitions, host.phase, isDraining ? 'draining' : 'up');
      const there = await transaction.hosts.update({ ...back, phase, phaseSince: now });
      await this.#options.history.append(transaction, hostPhaseEvent(there, `the agent of ${there.name} has reported${isDraining ? ', and its drain goes on' : ''}`));
    });
    await failpoint('coordinator.session.after-up');
    this.#options.connected(hostId);
    return this.#options.fullSync(hostId);
  }

  async onAgentUpdateFailed(hostId: string, { updateId, error }: AgentUpdateFailed): Promise<void> {
    await this.#options.store.transaction(async (transaction) => {
      const host = await transaction.hosts.get(hostId);
      if (host?.agentUpdate?.operationId !== updateId || host.agentUpdate.state !== 'active') return;
      const failed = await transaction.hosts.update({ ...host, agentUpdate: updateFailed(host.agentUpdate, storedErrorOf(error!), this.#options.clock.now()) });
      await this.#tellAgentUpdate(transaction, host, failed);
    });
  }

  async #tellAgentUpdate(transaction: Transaction, { agentUpdate: before }: Host, host: Host): Promise<void> {
    if (host.agentUpdate && host.agentUpdate.state !== before?.state) await this.#options.history.append(transaction, agentEvent({ ...host, agentUpdate: host.agentUpdate }));
  }

  async #tellSkew(transaction: Transaction, host: Host, skewMs: number): Promise<void> {
    const nowMs = this.#options.clock.monotonic();
    if (nowMs - (this.#skewToldAtMs.get(host.id) ?? -Infinity) < skewAlarmMs) return;
    this.#skewToldAtMs.set(host.id, nowMs);
    await transaction.events.append(clockSkewEvent(host.id, host.name, host.addresses.join(', '), skewMs));
  }

  async onSilent(hostId: string, reason: string, unheardMs: number): Promise<void> {
    this.#options.silent(hostId, reason, unheardMs);
  }

  async onFacts(hostId: string, facts: Facts): Promise<void> {
    await this.#options.store.transaction(async (transaction) => {
      const host = await transaction.hosts.get(hostId);
      if (!host) return;
      const addresses = host.addresses.length > 0 ? host.addresses : facts.addresses;
      await transaction.hosts.update({ ...host, facts: Facts.toJSON(facts), addresses, observedGeneration: host.generation });
    });
    this.#options.connected(hostId);
  }

  async onStatus(hostId: string, statuses: readonly NodeStatus[], complete: boolean): Promise<void> {
    await failpoint('coordinator.report.before-store');
    await this.#options.store.transaction(async (transaction) => {
      const families = new Map<string, Family | undefined>();
      const unknown: NodeStatus[] = [];
      for (const status of statuses) {
        const node = await transaction.nodes.get(status.nodeId);
        if (!node) unknown.push(status);
        if (!node || !isPresentOn(hostId, node)) continue;
        if (!families.has(node.familyId)) families.set(node.familyId, await transaction.families.get(node.familyId));
        await this.#apply(transaction, node, status, families.get(node.familyId));
      }
      await rememberUnknown(transaction, this.#options.history, hostId, unknown);
      await forgetUnknown(transaction, hostId, statuses, complete);
    });
    await failpoint('coordinator.report.after-store');
  }

  async onExecOutcomes(hostId: string, outcomes: readonly ExecOutcome[]): Promise<readonly OutcomeRef[]> {
    await failpoint('coordinator.outcome.before-store');
    const stored = await this.#options.outcomes(hostId, outcomes);
    await failpoint('coordinator.outcome.after-store');
    return stored;
  }

  onExecProgress(hostId: string, progress: ExecProgress): void {
    this.#options.progress?.(hostId, progress);
  }

  /** Sending it again would fail the same way. */
  async onUndeliverable(hostId: string, assignment: Assignment, error: WombatError): Promise<void> {
    await this.#options.store.transaction(async (transaction) => {
      const node = await transaction.nodes.get(assignment.nodeId);
      if (!node || !isPresentOn(hostId, node) || node.phase === 'failed') return;
      // What is wanted by now is smaller, perhaps.
      if (Number(assignment.generation) < node.generation) return;
      const failed = await transaction.nodes.update(inPhase(node, 'failed', this.#options.clock.now(), { lastError: storedError(error) }));
      await this.#options.history.append(transaction, nodePhaseEvent(failed));
    });
  }

  /** The alarm of two machines with one identity; the newcomer was refused. */
  async onDuplicateIdentity(hostId: string, holderPeer: string, refusedPeer: string): Promise<void> {
    await this.#options.store.transaction(async (transaction) => {
      const host = await transaction.hosts.get(hostId);
      await this.#options.history.append(transaction, {
        type: 'host.duplicate-identity', subjectId: hostId, subjectName: host?.name ?? hostId, hostId, reason: 'WO_DUPLICATE_IDENTITY',
        message: `an agent at ${refusedPeer} has the identity of ${host?.name ?? hostId}, which is connected from ${holderPeer}; it was refused`,
      });
    });
  }

  async #apply(transaction: Transaction, node: Node, status: NodeStatus, family: Family | undefined): Promise<void> {
    if (isBehind(node, status)) return getAhead(transaction, this.#options.history, node, status);
    // A report on what was wanted before says nothing about what is wanted now.
    if (Number(status.generation) < node.generation) return;
    const phase = this.#phaseFor(node, status, family);
    if (phase === undefined) return;
    const over = node.draining && endedPhases.includes(phase);
    const told = over ? afterDrain({ ...node, ...factsOf(node, status) }, node.draining.then, this.#options.clock.now()) : inPhase(node, phase, this.#options.clock.now(), factsOf(node, status));
    const restarted = status.startId !== '' && node.startId !== '' && status.startId !== node.startId;
    const { history } = this.#options;
    const changed = await transaction.nodes.update(told);
    if (status.restarts > node.restarts) {
      await history.append(
        transaction,
        nodeEvent(changed, 'node.exited', status.lastError?.code ?? 'exited', `${node.name} ended and is restarted: ${status.lastError?.message ?? 'unknown reason'}`, {
          restarts: status.restarts, logTail: changed.logTail, ...(changed.lastError ? { error: changed.lastError } : {}),
        }),
      );
    }
    if (changed.phase !== node.phase || (restarted && phase === 'running')) await history.append(transaction, nodePhaseEvent(changed));
    if (hasEndedWell(changed) && !hasEndedWell(node)) {
      await history.append(transaction, nodeEvent(changed, 'node.ended', 'ended', `${node.name} has ended in good order and is not started again, as its restart policy says`));
    }
  }

  /** Ready is as far as an agent sees; whether that means running is the strategy's to say. */
  #phaseFor(node: Node, status: NodeStatus, family: Family | undefined): NodePhase | undefined {
    const phase = phaseOf[status.phase];
    // Only what shall go is gone: a row is never given up on an agent's word alone.
    if (phase === 'gone') return node.desired === 'absent' ? phase : undefined;
    if (node.draining && phase !== undefined && !endedPhases.includes(phase)) return 'draining';
    if (phase !== 'ready') return phase;
    if (stillTheOldProcess(node, status)) return undefined;
    const membership = node.membership?.startId === status.startId ? node.membership : undefined;
    if (membership?.joined || !family || !joinsCluster(this.#options.strategies, family)) return 'running';
    if (node.phase === 'failed' && membership) return undefined;
    return membership ? 'joining' : 'ready';
  }
}

function reportOf({ packageSha256, updateFailed: failed }: Hello): AgentReport {
  return { packageSha256, ...(failed?.error ? { failed: { updateId: failed.updateId, error: storedErrorOf(failed.error) } } : {}) };
}

/** An agent speaks of the nodes of its own host only. */
function isPresentOn(hostId: string, node: Node): boolean {
  return node.hostId === hostId && node.phase !== 'gone';
}

/** The agent has taken the wish to stop or restart, and has not acted on it yet. */
function stillTheOldProcess(node: Node, status: NodeStatus): boolean {
  if (node.phase !== 'stopping') return false;
  return node.desired !== 'running' || status.startId === node.startId;
}

function factsOf(node: Node, status: NodeStatus): Partial<Node> {
  const { waiting, lastError } = status;
  return {
    // No agent has seen more than there is: an invented number would keep later wishes from being sent.
    observedGeneration: Math.min(Number(status.generation), node.generation),
    pid: Number(status.pid),
    startId: status.startId,
    restarts: status.restarts,
    logTail: status.logTail || node.logTail,
    ...(status.startedAt ? { startedAt: status.startedAt.getTime() } : {}),
    ...(lastError ? { lastError: storedErrorOf(lastError) } : {}),
    ...(waiting
      ? {
          waiting: {
            reason: waiting.reason,
            since: waiting.since?.getTime() ?? 0,
            ...(waiting.nextTryAt ? { nextTryAt: waiting.nextTryAt.getTime() } : {}),
          },
        }
      : {}),
  };
}
