import type { Assignment } from '@wombat/proto/agent';
import { failpoint } from '@wombat/proto/failpoints';
import type { Fleet } from '../fleet/fleet.js';
import type { Store } from '../store/store.js';
import type { AssignmentBuilder } from './assignment-builder.js';

export interface AssignmentControllerOptions {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly builder: AssignmentBuilder;
}

const never = new AbortController().signal;

/** Tells each connected host what it should have: all of it when it connects, what changed from then on. */
export class AssignmentController {
  readonly #options: AssignmentControllerOptions;
  /** Host id -> node id -> the generation that this session was sent. */
  readonly #sent = new Map<string, Map<string, bigint>>();

  constructor(options: AssignmentControllerOptions) {
    this.#options = options;
  }

  async all(): Promise<readonly string[]> {
    return this.#options.fleet.connectedHosts();
  }

  /** What a new session begins with. */
  async fullSync(hostId: string): Promise<readonly Assignment[]> {
    this.#sent.set(hostId, new Map());
    const host = await this.#options.store.read.hosts.get(hostId);
    if (!host) return [];
    await this.#options.builder.prepare(host);
    // What is late comes once the session is open.
    const { assignments } = await this.#options.builder.forHost(host, { signal: never });
    this.#remember(hostId, assignments);
    return assignments;
  }

  /** @throws WombatError WO_PLUGIN_UNAVAILABLE when something of it must wait for a strategy; the rest was sent */
  async reconcile(hostId: string, signal: AbortSignal): Promise<void> {
    const { store, fleet, builder } = this.#options;
    if (!fleet.isConnected(hostId)) {
      // Its next session begins with everything again.
      this.#sent.delete(hostId);
      return;
    }
    const host = await store.read.hosts.get(hostId);
    if (!host) return;
    await builder.prepare(host);
    const sent = this.#sent.get(hostId) ?? new Map<string, bigint>();
    const { assignments, late } = await builder.forHost(host, { signal }, (node) => BigInt(node.generation) > (sent.get(node.id) ?? 0n));
    if (assignments.length > 0) {
      await failpoint('coordinator.assignment.before-send');
      if (fleet.sendAssignments(hostId, assignments)) this.#remember(hostId, assignments);
      await failpoint('coordinator.assignment.after-send');
    }
    if (late) throw late;
  }

  #remember(hostId: string, assignments: readonly Assignment[]): void {
    const sent = this.#sent.get(hostId) ?? new Map<string, bigint>();
    for (const { nodeId, generation } of assignments) sent.set(nodeId, generation);
    this.#sent.set(hostId, sent);
  }
}
