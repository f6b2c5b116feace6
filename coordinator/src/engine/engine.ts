import type { Clock } from '@wombat/proto';
import type { Domain } from '../domain/model/family.js';
import type { Host } from '../domain/model/host.js';
import type { JobTarget } from '../domain/model/job.js';
import type { Node, NodePhase } from '../domain/model/node.js';
import type { Operation } from '../domain/model/operation.js';
import type { Change, Store } from '../store/store.js';
import type { AssignmentController } from './assignment-controller.js';
import type { BootstrapController } from './bootstrap/bootstrap-controller.js';
import { Controller } from './controller.js';
import type { AgentUpdateController } from './agent-updates/agent-update-controller.js';
import type { DrainController } from './drain/drain-controller.js';
import type { FirewallController } from './firewalls/firewall-controller.js';
import type { Brakes } from './healing/brakes.js';
import type { HealingController } from './healing/healing-controller.js';
import type { HostController } from './host-controller.js';
import type { JobService } from './jobs/job-service.js';
import type { Machines } from './machines/machines.js';
import type { OperationController } from './operation-controller.js';
import type { Log } from './ports.js';
import type { UpdateController } from './update/update-controller.js';

export interface EngineOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly hosts: HostController;
  readonly machines: Machines;
  readonly assignments: AssignmentController;
  readonly bootstrap: BootstrapController;
  readonly drains: DrainController;
  readonly operations: OperationController;
  readonly updates: UpdateController;
  readonly agentUpdates: AgentUpdateController;
  readonly jobs: JobService;
  readonly healing: HealingController;
  readonly brakes: Brakes;
  readonly firewalls: FirewallController;
  /** What is done now and then: what keeps the store small, and what looks for strays. */
  readonly retention: readonly Retention[];
}

export interface Retention {
  start(): void;
  stop(): Promise<void>;
}

/** Each may wait for as long as a drain command takes. */
const drainsAtOnce = 64;
/** Each may wait for as long as a step has, where a host is silent: the other families go on meanwhile. */
const bootstrapsAtOnce = 256;

/** A node that has failed or ended matters too: nobody waits for it any more. */
const phasesThatMatterToTheCluster: readonly NodePhase[] = ['ready', 'joining', 'running', 'failed', 'stopped', 'gone'];

/**
 * The controllers, and what wakes them: each commit of the store tells which objects have changed,
 * and a slow sweep goes over all, so that a wake-up that was lost is only late.
 */
export class Engine {
  readonly #store: Store;
  readonly #log: Log;
  readonly #hosts: Controller;
  readonly #machines: Machines;
  readonly #assignments: Controller;
  readonly #bootstrap: Controller;
  readonly #drains: Controller;
  readonly #drainController: DrainController;
  readonly #operations: Controller;
  readonly #updates: Controller;
  readonly #agentUpdates: Controller;
  readonly #agentUpdateController: AgentUpdateController;
  readonly #jobs: Controller;
  readonly #healing: Controller;
  readonly #brakes: Controller;
  readonly #firewalls: Controller;
  readonly #firewallController: FirewallController;
  readonly #retention: readonly Retention[];
  #unsubscribe: (() => void) | undefined;

  constructor(options: EngineOptions) {
    const { store, clock, log, hosts, assignments, bootstrap, drains, operations, updates, agentUpdates, jobs, healing, brakes, firewalls } = options;
    this.#retention = options.retention;
    this.#machines = options.machines;
    this.#store = store;
    this.#log = log;
    const common = { clock, log };
    // A host that comes back is written twice.
    this.#hosts = new Controller({ ...common, name: 'hosts', gatherMs: 100, all: () => hosts.all(), reconcile: (id) => hosts.reconcile(id) });
    this.#assignments = new Controller({ ...common, name: 'assignments', all: () => assignments.all(), reconcile: (id, signal) => assignments.reconcile(id, signal) });
    this.#bootstrap = new Controller({ ...common, name: 'bootstrap', concurrency: bootstrapsAtOnce, all: () => bootstrap.all(), reconcile: (id, signal) => bootstrap.reconcile(id, signal) });
    this.#drainController = drains;
    this.#drains = new Controller({ ...common, name: 'drains', concurrency: drainsAtOnce, all: () => drains.all(), reconcile: (id, signal) => drains.reconcile(id, signal) });
    this.#operations = new Controller({ ...common, name: 'operations', gatherMs: 25, all: () => operations.all(), reconcile: (id) => operations.reconcile(id) });
    this.#updates = new Controller({ ...common, name: 'updates', gatherMs: 25, all: () => updates.all(), reconcile: (id) => updates.reconcile(id) });
    this.#agentUpdateController = agentUpdates;
    this.#agentUpdates = new Controller({ ...common, name: 'agent updates', gatherMs: 100, all: () => agentUpdates.all(), reconcile: (id) => agentUpdates.reconcile(id) });
    this.#jobs = new Controller({ ...common, name: 'jobs', all: () => jobs.all(), reconcile: (id) => jobs.reconcile(id) });
    this.#healing = new Controller({ ...common, name: 'healing', gatherMs: 100, all: () => healing.all(), reconcile: (id) => healing.reconcile(id) });
    this.#brakes = new Controller({ ...common, name: 'brakes', gatherMs: 250, all: () => brakes.all(), reconcile: () => brakes.reconcile() });
    this.#firewallController = firewalls;
    this.#firewalls = new Controller({ ...common, name: 'firewalls', gatherMs: 25, all: () => firewalls.all(), reconcile: (id, signal) => firewalls.reconcile(id, signal) });
  }

  async start(): Promise<void> {
    this.#unsubscribe = this.#store.onCommit((commit) => commit.changes.forEach((change) => this.#wakeFor(change)));
    await Promise.all(this.#all().map((controller) => controller.start()));
    for (const retention of this.#retention) retention.start();
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    await Promise.all(this.#retention.map((retention) => retention.stop()));
    await Promise.all(this.#all().map((controller) => controller.stop()));
    await this.#machines.stop();
  }

  /** A host has lost its session. */
  silent(hostId: string): void {
    this.#hosts.wake(hostId);
  }

  /** A host has opened a session. */
  connected(hostId: string): void {
    this.#agentUpdateController.connected(hostId);
    this.#assignments.wake(hostId);
  }

  #wakeFor({ kind, id, object }: Change): void {
    switch (kind) {
      case 'hosts':
        this.#hosts.wake(id);
        this.#assignments.wake(id);
        this.#healing.wake(id);
        this.#brakes.wake('all');
        // The removal of a host is over when the host is.
        if (object) this.#operations.wake((object as Host).operationId ?? '');
        if ((object as Host | undefined)?.agentUpdate?.state) this.#agentUpdates.wake((object as Host).agentUpdate!.operationId);
        if ((object as Host | undefined)?.phase === 'gone') void this.#firewallChanged((object as Host).firewallFamilyId);
        break;
      case 'nodes':
        if (object) this.#nodeChanged(object as Node);
        break;
      case 'families':
        this.#updates.wake(id);
        void this.#familyChanged(id);
        void this.#firewallChanged(id);
        break;
      case 'domains':
        // One that is taken away is found by the sweep.
        void this.#firewallChanged((object as Domain | undefined)?.familyId);
        break;
      case 'providers':
        if (!object) void this.#machines.forget(id);
        break;
      case 'operations':
        this.#operations.wake(id);
        if ((object as Operation | undefined)?.kind === 'update_agents') this.#agentUpdates.wake(id);
        if (object) this.#updates.wake((object as Operation).familyId);
        if ((object as Operation | undefined)?.finishedAt !== undefined) void this.#operationEnded();
        break;
      case 'jobs':
        this.#jobs.wake(id);
        break;
      case 'jobTargets':
        // The end of one may let the next ones go; jobs without limits have sent all of them.
        if (object && endsReleased(object as JobTarget)) this.#jobs.wake((object as JobTarget).jobId);
        break;
      default:
    }
  }

  #nodeChanged(node: Node): void {
    this.#operations.wake(node.operationId);
    this.#updates.wake(node.familyId);
    this.#drainController.changed(node);
    if (node.phase === 'draining') this.#drains.wake(node.id);
    if (node.observedGeneration < node.generation) this.#assignments.wake(node.hostId);
    if (phasesThatMatterToTheCluster.includes(node.phase)) this.#bootstrap.wake(node.familyId);
  }

  /** The turn of one that waits may have come. */
  async #operationEnded(): Promise<void> {
    try {
      for (const id of await this.#store.read.operations.ids({ state: 'waiting' })) this.#operations.wake(id);
    } catch (error) {
      this.#log.warn({ err: error }, 'operations that wait could not be woken');
    }
  }

  /** An operation may wait for the cluster of its family. */
  async #familyChanged(familyId: string): Promise<void> {
    try {
      for (const operation of await this.#store.read.operations.find({ familyId, state: 'running' })) this.#operations.wake(operation.id);
    } catch (error) {
      this.#log.warn({ familyId, err: error }, 'operations of a changed family could not be woken');
    }
  }

  async #firewallChanged(familyId: string | undefined): Promise<void> {
    if (familyId === undefined) return;
    try {
      for (const id of await this.#firewallController.of(familyId)) this.#firewalls.wake(id);
    } catch (error) {
      this.#log.warn({ familyId, err: error }, 'the firewall of a changed family could not be woken');
    }
  }

  #all(): Controller[] {
    return [this.#hosts, this.#assignments, this.#bootstrap, this.#drains, this.#operations, this.#updates, this.#agentUpdates, this.#jobs, this.#healing, this.#brakes, this.#firewalls];
  }
}

function endsReleased({ releasedAt, outcome }: JobTarget): boolean {
  return releasedAt !== undefined && outcome !== undefined;
}
