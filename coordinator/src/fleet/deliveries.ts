import { backoffMs, WombatError, type BackoffOptions, type Clock } from '@wombat/proto';
import type { AgentUpdateFailed, Assignment, ExecOutcome, ExecProgress, Facts, NodeStatus } from '@wombat/proto/agent';
import { storeWaits } from '../store/store.js';
import type { FleetListener } from './fleet.js';
import type { FleetLog } from './fleet-log.js';
import { HostLane, type LaneItem } from './host-lane.js';
import type { Session } from './session.js';
import type { FleetSettings } from './settings.js';

export interface DeliveriesOptions {
  readonly listener: FleetListener;
  readonly clock: Clock;
  readonly log: FleetLog;
  readonly settings: FleetSettings;
  readonly signal: AbortSignal;
}

/** Lanes that are started in one go before the event loop gets its turn. */
const lanesPerTurn = 100;
const silentTries = 5;
const storeBackoff: BackoffOptions = { initialMs: 500, maximumMs: 2_000 };

/**
 * Hands to the listener what agents say. Each host has a lane: its calls come one after another,
 * and whatever arrives during one is put together for the next. A listener that fails ends the
 * session: the next one begins with everything again, so nothing is lost.
 */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #lanes = new Map<string, HostLane>();
  readonly #running = new Set<Promise<void>>();
  #soon: HostLane[] = [];
  #later: HostLane[] = [];

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  connected(session: Session): void {
    this.#push(session.hostId, { kind: 'connected', session });
  }

  silent(hostId: string, reason: string, unheardMs: number): void {
    this.#push(hostId, { kind: 'silent', reason, unheardMs });
  }

  facts(session: Session, facts: Facts): void {
    const lane = this.#lane(session.hostId);
    lane.addFacts(session, facts);
    this.#start(lane);
  }

  undeliverable(hostId: string, assignment: Assignment, error: WombatError): void {
    this.#push(hostId, { kind: 'told', tell: async (listener) => listener.onUndeliverable?.(hostId, assignment, error) });
  }

  updateFailed({ hostId }: Session, failed: AgentUpdateFailed): void {
    this.#push(hostId, { kind: 'told', tell: async (listener) => listener.onAgentUpdateFailed?.(hostId, failed) });
  }

  duplicate(hostId: string, holderPeer: string, refusedPeer: string): void {
    this.#push(hostId, { kind: 'told', tell: async (listener) => listener.onDuplicateIdentity?.(hostId, holderPeer, refusedPeer) });
  }

  /** Gathered for some milliseconds, as a host that starts many nodes reports them one by one. */
  statuses(session: Session, statuses: readonly NodeStatus[], isComplete: boolean): void {
    const lane = this.#lane(session.hostId);
    const isFull = lane.addStatuses(session, statuses, isComplete);
    this.#hold(lane, session);
    if (lane.isRunning || lane.isStarting) return;
    if (isFull) this.#start(lane);
    else if (!lane.isGathering) this.#gather(lane);
  }

  /** Handed over at the end of this turn of the loop, together with what came in the same turn. */
  outcome(session: Session, outcome: ExecOutcome): void {
    const lane = this.#lane(session.hostId);
    lane.addOutcome(session, outcome);
    this.#hold(lane, session);
    this.#start(lane);
  }

  /** At once, or never: nobody waits for it. */
  progress(session: Session, progress: ExecProgress): void {
    this.#options.listener.onExecProgress?.(session.hostId, progress);
  }

  isOverloaded(hostId: string): boolean {
    return (this.#lanes.get(hostId)?.backlogBytes ?? 0) > this.#options.settings.inboundBacklogBytes;
  }

  #lane(hostId: string): HostLane {
    let lane = this.#lanes.get(hostId);
    if (!lane) {
      lane = new HostLane(hostId, this.#options.settings.batchSize);
      this.#lanes.set(hostId, lane);
    }
    return lane;
  }

  #push(hostId: string, item: LaneItem): void {
    const lane = this.#lane(hostId);
    lane.add(item);
    this.#start(lane);
  }

  /** Stops reading from an agent that reports faster than its reports are stored. */
  #hold(lane: HostLane, session: Session): void {
    if (lane.backlogBytes <= this.#options.settings.inboundBacklogBytes) return;
    lane.held = session;
    session.pause('backlog');
  }

  #release(lane: HostLane): void {
    if (!lane.held || lane.backlogBytes > this.#options.settings.inboundBacklogBytes / 2) return;
    lane.held.resume('backlog');
    lane.held = undefined;
  }

  #start(lane: HostLane): void {
    if (lane.isRunning || lane.isStarting) return;
    lane.isStarting = true;
    if (this.#soon.push(lane) === 1) setImmediate(this.#startSome);
  }

  readonly #startSome = (): void => {
    const lanes = this.#soon;
    this.#soon = lanes.length > lanesPerTurn ? lanes.slice(lanesPerTurn) : [];
    if (this.#soon.length > 0) setImmediate(this.#startSome);
    for (const lane of lanes.slice(0, lanesPerTurn)) {
      const run = this.#run(lane).finally(() => this.#running.delete(run));
      this.#running.add(run);
    }
  };

  /** Resolves when the calls of the listener that have begun are over. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }

  #gather(lane: HostLane): void {
    lane.isGathering = true;
    if (this.#later.push(lane) > 1) return;
    const { clock, settings, signal } = this.#options;
    clock.sleep(settings.statusGatherMs, signal).then(
      () => {
        const lanes = this.#later;
        this.#later = [];
        for (const gathered of lanes) {
          gathered.isGathering = false;
          this.#start(gathered);
        }
      },
      // The coordinator stops: agents report everything to the next one.
      () => undefined,
    );
  }

  async #run(lane: HostLane): Promise<void> {
    lane.isStarting = false;
    lane.isRunning = true;
    for (let item = lane.take(); item && !this.#options.signal.aborted; item = lane.take()) {
      try {
        await this.#deliverOnceStorable(lane.hostId, item);
      } catch (error) {
        this.#failed(lane.hostId, item, error);
      }
      lane.done(item);
      this.#release(lane);
    }
    lane.isRunning = false;
    if (!lane.isGathering) this.#lanes.delete(lane.hostId);
  }

  /** What was refused as a whole is handed over again, as long as there is somebody to whom it matters. */
  async #deliverOnceStorable(hostId: string, item: LaneItem): Promise<void> {
    const { clock, signal, log } = this.#options;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#deliver(hostId, item);
      } catch (error) {
        const mustWait = WombatError.is(error) && storeWaits.has(error.code) && !('session' in item && item.session.state === 'ended');
        if (!mustWait) throw error;
        if (attempt === 0) log.warn({ hostId, what: item.kind, code: error.code }, 'what a host reported waits for the store');
        await clock.sleep(backoffMs(attempt, storeBackoff), signal);
      }
    }
  }

  async #deliver(hostId: string, item: LaneItem): Promise<void> {
    const { listener } = this.#options;
    switch (item.kind) {
      case 'connected':
        if (item.session.hello) item.session.startFullSync(await listener.onConnected(hostId, item.session.hello));
        return;
      case 'silent':
        return this.#tellSilent(hostId, item.reason, item.unheardMs);
      case 'facts':
        return listener.onFacts(hostId, item.facts);
      case 'statuses':
        return listener.onStatus(hostId, [...item.statuses.values()], item.isComplete);
      case 'outcomes':
        return item.session.acknowledge(await listener.onExecOutcomes(hostId, item.outcomes));
      case 'told':
        return item.tell(listener);
    }
  }

  /** Nobody would say it again, so it is tried a few times. */
  async #tellSilent(hostId: string, reason: string, unheardMs: number): Promise<void> {
    const { listener, clock, signal, log } = this.#options;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await listener.onSilent(hostId, reason, unheardMs);
      } catch (error) {
        if (attempt + 1 >= silentTries) throw error;
        log.warn({ hostId, err: error }, 'cannot record that a host is silent, trying again');
        await clock.sleep(backoffMs(attempt, { initialMs: 200, maximumMs: 5_000 }), signal);
      }
    }
  }

  #failed(hostId: string, item: LaneItem, error: unknown): void {
    if (this.#options.signal.aborted) return;
    this.#options.log.error({ hostId, what: item.kind, err: error }, 'what a host reported could not be taken in');
    if ('session' in item) {
      item.session.end('what it reported could not be stored', new WombatError('WO_UNAVAILABLE', 'the coordinator could not store what was reported'));
    }
  }
}
