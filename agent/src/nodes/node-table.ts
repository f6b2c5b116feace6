import { join } from 'node:path';
import { WombatError } from '@wombat/proto';
import { DesiredState, NodePhase, type Assignment, type Assignments, type NodeStatus } from '@wombat/proto/agent';
import { failpoint } from '@wombat/proto/failpoints';
import { ManagedNode } from './managed-node.js';
import { newNodeRecord } from './node-record.js';
import type { JournaledNode } from './node-journal.js';
import { nodePaths } from './node-paths.js';
import { strandedNodes } from './stranded-nodes.js';
import { retryDelayMs } from './start-error.js';
import type { NodeServices } from './node-services.js';

const journalName = 'nodes.journal';

/** The nodes of this host, as the coordinator wants them. */
export class NodeTable {
  readonly #services: NodeServices;
  readonly #nodes = new Map<string, ManagedNode>();
  readonly #closed = new AbortController();
  /** The frames taken so far: of two sessions too, one after another. */
  #assigning: Promise<void> = Promise.resolve();
  /** Named so far by the full sync that is coming in. */
  #named: Set<string> | undefined;

  constructor(services: NodeServices) {
    this.#services = { ...services, onStatus: (status) => this.#onStatus(status, services) };
  }

  /**
   * Reads the journal and finds the processes that run. Where something of the journal was lost, the rest of it may be out of
   * date: then nothing is started or stopped for it before the coordinator has said again what is wanted.
   */
  async open(): Promise<void> {
    const { journal, directory, log } = this.#services;
    const { isNew, damage } = await journal.open();
    const stranded = strandedNodes(directory, (nodeId) => journal.nodes.has(nodeId));
    if (isNew && stranded.length > 0) await this.#tellLoss();
    if (damage) log.warn({ ...damage }, 'the journal was damaged; what runs is kept running, and the coordinator is asked what is wanted');
    for (const journaled of journal.nodes.values()) await this.#adopt(journaled, damage === undefined);
    for (const journaled of stranded) await this.#adopt(journaled, false);
    if (stranded.length === 0 && damage === undefined) await this.#prune();
  }

  async #adopt(journaled: JournaledNode, isTrusted: boolean): Promise<void> {
    const node = new ManagedNode(journaled, this.#services);
    if (isTrusted) node.trust();
    await node.adopt();
    this.#nodes.set(node.nodeId, node);
  }

  /** The file itself is gone. That a full disk forbids to remember it must not keep the agent from starting. */
  async #tellLoss(): Promise<void> {
    const { journal, log } = this.#services;
    const damage = { journal: journalName, keptAs: '', reason: 'it was not there, though nodes are' };
    log.warn(damage, 'the journal is lost; what runs is kept running, and the coordinator is asked what is wanted');
    await journal.damaged(damage).catch((error: unknown) => log.warn({ err: error }, 'cannot remember that the journal was lost'));
  }

  /** The loops end, the nodes run on. */
  async close(): Promise<void> {
    this.#closed.abort(new WombatError('WO_CANCELLED', 'the agent ends'));
    await this.#assigning;
    await Promise.all([...this.#nodes.values()].map((node) => node.close()));
    await this.#services.journal.close();
  }

  get(nodeId: string): ManagedNode | undefined {
    return this.#nodes.get(nodeId);
  }

  nodes(): readonly ManagedNode[] {
    return [...this.#nodes.values()];
  }

  statuses(): readonly NodeStatus[] {
    return this.nodes().map((node) => node.status);
  }

  /** Resolves when the frame is in the journal; converging goes on by itself. A full disk is waited for. */
  assign(frame: Assignments): Promise<void> {
    const assigned = this.#assigning.then(() => this.#assign(frame));
    this.#assigning = assigned.catch(() => undefined);
    return assigned;
  }

  async #assign(frame: Assignments): Promise<void> {
    const newer = frame.assignments.filter((assignment) => this.#isNewer(assignment)).map((assignment) => this.#withSpec(assignment));
    const isComplete = !frame.fullSync || frame.last;
    await failpoint('agent.assignment.before-journal');
    await this.#journal(newer, isComplete ? frame.syncId : undefined);
    await failpoint('agent.assignment.after-journal');
    for (const assignment of newer) this.#take(assignment);
    for (const { nodeId } of frame.assignments) this.#nodes.get(nodeId)?.trust();
    this.#repeatAbsent(frame.assignments, newer);
    if (frame.fullSync) await this.#followFullSync(frame);
    // What the session began with is stored, and Hello came before it.
    if (frame.fullSync && frame.last) await this.#services.journal.damagesTold();
  }

  /** To end the session for a full disk would make all nodes of the host look lost, and change nothing. */
  async #journal(assignments: readonly Assignment[], syncId: bigint | undefined): Promise<void> {
    const { journal, clock, log } = this.#services;
    for (let attempt = 0; ; attempt++) {
      this.#closed.signal.throwIfAborted();
      try {
        return await journal.assign(assignments, syncId);
      } catch (error) {
        if (!WombatError.is(error) || error.code !== 'WO_DISK_FULL') throw error;
        if (attempt === 0) log.error({ code: error.code, assignments: assignments.length }, 'what is wanted cannot be written down until there is space on the disk');
        await clock.sleep(retryDelayMs(attempt), this.#closed.signal);
      }
    }
  }

  #onStatus(status: NodeStatus, { onStatus }: NodeServices): void {
    onStatus(status);
    // Its release may have been the last that was made from this tree.
    if (status.phase === NodePhase.ABSENT) void this.#prune();
  }

  /** Ids that make no path are refused before anything is done with them. */
  #isNewer(assignment: Assignment): boolean {
    nodePaths(this.#services.directory, assignment.nodeId);
    const current = this.#nodes.get(assignment.nodeId)?.assignment;
    if (!current) return true;
    if (assignment.generation !== current.generation) return assignment.generation > current.generation;
    return assignment.restartGeneration > current.restartGeneration;
  }

  /**
   * An absent node is still stopped by the words of its release. A restart is asked for by a higher number; a lower one comes
   * from a coordinator that was set up from a backup, and asks for nothing.
   */
  #withSpec(assignment: Assignment): Assignment {
    const current = this.#nodes.get(assignment.nodeId)?.assignment;
    const spec = assignment.spec ?? current?.spec;
    if (assignment.desired === DesiredState.RUNNING && !spec) {
      throw new WombatError('WO_INVALID_ARGUMENT', `the assignment of ${assignment.nodeId} does not say what to run`);
    }
    const known = current?.restartGeneration ?? 0n;
    return { ...assignment, spec, restartGeneration: known > assignment.restartGeneration ? known : assignment.restartGeneration };
  }

  #take(assignment: Assignment): void {
    const known = this.#nodes.get(assignment.nodeId);
    if (known) return known.assign(assignment);
    const node = new ManagedNode({ assignment, record: newNodeRecord }, this.#services);
    this.#nodes.set(node.nodeId, node);
    // Usually there is nothing to adopt; after a loss of the journal there may be.
    node.adopt().catch((error: unknown) => this.#services.log.error({ err: error, nodeId: node.nodeId }, 'cannot take up a node'));
  }

  /** Whoever asks again for what is done already gets the answer again. */
  #repeatAbsent(asked: readonly Assignment[], taken: readonly Assignment[]): void {
    const isTaken = new Set(taken.map(({ nodeId }) => nodeId));
    for (const { nodeId, desired } of asked) {
      const node = this.#nodes.get(nodeId);
      if (desired === DesiredState.ABSENT && !isTaken.has(nodeId) && node?.phase === 'absent') this.#services.onStatus(node.status);
    }
  }

  async #followFullSync(frame: Assignments): Promise<void> {
    if (frame.first) this.#named = new Set();
    for (const { nodeId } of frame.assignments) this.#named?.add(nodeId);
    if (!frame.last || !this.#named) return;
    const unnamed = this.nodes().filter(({ nodeId }) => !this.#named?.has(nodeId));
    this.#named = undefined;
    for (const node of unnamed) await this.#afterUnnamed(node);
  }

  /** The coordinator no longer speaks of it: forgotten when nothing is left of it, else told of, never removed unasked. */
  async #afterUnnamed(node: ManagedNode): Promise<void> {
    const { journal, log, onStatus } = this.#services;
    if (node.phase !== 'absent') {
      log.warn({ nodeId: node.nodeId, phase: node.phase }, 'a node is here that the coordinator does not name');
      return onStatus(node.status);
    }
    await node.close();
    this.#nodes.delete(node.nodeId);
    await journal.forget(node.nodeId);
  }

  /** Release trees that no node of this host is made from any more. */
  async #prune(): Promise<void> {
    const present = this.nodes().filter(({ phase }) => phase !== 'absent');
    const keep = new Set(present.map(({ assignment }) => assignment.spec?.artifact?.sha256).filter((sha256) => sha256 !== undefined));
    try {
      await this.#services.releases.prune(keep);
    } catch (error) {
      this.#services.log.warn({ err: error }, 'cannot remove old release trees');
    }
  }
}

export function nodeJournalFile(directory: string): string {
  return join(directory, journalName);
}
