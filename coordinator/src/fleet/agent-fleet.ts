import { limits, randomIds, WombatError, type Clock, type Ids } from '@wombat/proto';
import type { Assignment, ChannelRequest, ChannelResponse, Sample, SessionRequest, SessionResponse, UpdateAgent } from '@wombat/proto/agent';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { Admission } from './admission.js';
import { AssignmentQueue } from './assignment-queue.js';
import { Channels } from './channels.js';
import { Deliveries } from './deliveries.js';
import { cutExec } from './exec-frame.js';
import type { AgentFeature, Channel, ChannelPurpose, Fleet, FleetListener } from './fleet.js';
import type { FleetLog } from './fleet-log.js';
import { FrameRouter } from './frame-router.js';
import { LiveClock } from './live-clock.js';
import { cleanHello } from './sanitize.js';
import { Session, type SessionRoom, type SessionState } from './session.js';
import type { SessionCall } from './session-wire.js';
import { defaultFleetSettings, type FleetSettings } from './settings.js';
import { StreamCloser } from './stream-closer.js';
import { WritePump } from './write-pump.js';

export interface AgentFleetOptions {
  readonly listener: FleetListener;
  readonly clock: Clock;
  readonly log: FleetLog;
  /** @default defaultFleetSettings for each that is left out */
  readonly settings?: Partial<FleetSettings>;
  /** @default random ids */
  readonly ids?: Ids;
}

/** How long stopping waits for calls of the listener that have begun. */
const listenerGraceMs = 5_000;

/**
 * The agents' sessions: who is connected, what they are sent, what they say. Nothing of it is
 * stored; a coordinator that starts has an empty fleet, and the agents come back to it.
 */
export class AgentFleet implements Fleet {
  readonly #clock: Clock;
  readonly #log: FleetLog;
  readonly #settings: FleetSettings;
  readonly #room: SessionRoom;
  readonly #admission: Admission;
  readonly #deliveries: Deliveries;
  readonly #channels: Channels;
  readonly #router: FrameRouter;
  readonly #stop = new AbortController();
  // Every stream that has not ended, whatever its state.
  readonly #sessions = new Set<Session>();
  // The live session of each host.
  readonly #live = new Map<string, Session>();
  #scan: Promise<void> | undefined;

  constructor({ listener, clock, log, settings, ids = randomIds }: AgentFleetOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#settings = { ...defaultFleetSettings, ...settings };
    const live = new LiveClock(clock, this.#settings.tickMs);
    const closer = new StreamCloser(live, this.#settings.closeGraceMs);
    const pump = new WritePump(this.#settings.writesPerTurn);
    this.#room = { settings: this.#settings, live, closer, pump, events: this.#events() };
    this.#admission = new Admission(this.#room, this.#hall());
    this.#deliveries = new Deliveries({ listener, clock, log, settings: this.#settings, signal: this.#stop.signal });
    this.#router = new FrameRouter(this.#admission, this.#deliveries, clock, log);
    this.#channels = new Channels({ live, closer, ids, log, settings: this.#settings });
  }

  /** Begins to watch for silent hosts. */
  start(): void {
    if (this.#scan) return;
    this.#room.live.begin();
    this.#scan = this.#watch();
  }

  /**
   * Ends every session, those that do not take it by a reset. The hosts are not called silent: it
   * is the coordinator that goes. To be called before the doors close.
   */
  async stop(): Promise<void> {
    this.#stop.abort(new WombatError('WO_UNAVAILABLE', 'the coordinator stops'));
    this.#channels.close();
    for (const session of [...this.#sessions]) session.end('the coordinator stops', new WombatError('WO_UNAVAILABLE', 'the coordinator stops'));
    await this.#scan;
    const { closer } = this.#room;
    await this.#within(this.#settings.closeGraceMs, closer.drained());
    closer.resetAll();
    // What is being stored shall find its store open.
    await this.#within(listenerGraceMs, this.#deliveries.idle());
  }

  /** Waits for it, but no longer than that; leaves no timer behind. */
  async #within(timeoutMs: number, work: Promise<void>): Promise<void> {
    const isOver = new AbortController();
    await Promise.race([work, this.#clock.sleep(timeoutMs, isOver.signal).catch(() => undefined)]);
    isOver.abort();
  }

  // --- what the services hand in -----------------------------------------------------------

  /** A stream that wants to become the session of this host. */
  acceptSession(call: ServerDuplexStream<SessionRequest, SessionResponse>, hostId: string, peer: string, signal: AbortSignal): void {
    // sessionWire lets encoded frames through, and nothing but encoded frames is written.
    const stream = call as unknown as SessionCall;
    if (this.#stop.signal.aborted || signal.aborted) {
      this.#room.closer.end(stream, new WombatError('WO_UNAVAILABLE', 'the coordinator stops'));
      return;
    }
    const session = new Session(stream, hostId, peer, this.#room);
    this.#sessions.add(session);
    // When the caller is gone its stream says so too, and better.
    const onAbort = (): void => void setImmediate(() => session.end('its call was ended', WombatError.from(signal.reason)));
    signal.addEventListener('abort', onAbort, { once: true });
    this.#admission.open(session);
  }

  /** A stream that carries one channel of this host. */
  acceptChannel(call: ServerDuplexStream<ChannelRequest, ChannelResponse>, hostId: string): void {
    if (this.#live.has(hostId)) this.#channels.accept(call, hostId);
    else this.#room.closer.end(call, new WombatError('WO_CHANNEL_GONE', 'a channel needs a session'));
  }

  // --- Fleet -----------------------------------------------------------------------------------

  isConnected(hostId: string): boolean {
    return this.#live.has(hostId);
  }

  /** Milliseconds of a clock that stands still while the coordinator does. */
  get awakeMs(): number {
    return this.#room.live.nowMs;
  }

  connectedHosts(): readonly string[] {
    return [...this.#live.keys()];
  }

  versions(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { hello } of this.#live.values()) {
      const version = hello?.agentVersion ?? '';
      counts.set(version, (counts.get(version) ?? 0) + 1);
    }
    return counts;
  }

  can(hostId: string, feature: AgentFeature): boolean {
    return this.#live.get(hostId)?.hello?.features.includes(feature) ?? false;
  }

  updateAgent(hostId: string, update: UpdateAgent): boolean {
    const session = this.#live.get(hostId);
    session?.send({ $case: 'updateAgent', value: update });
    return session !== undefined;
  }

  sample(hostId: string): Sample | undefined {
    return this.#live.get(hostId)?.sample;
  }

  clockSkewMs(hostId: string): number | undefined {
    return this.#live.get(hostId)?.clockSkewMs;
  }

  sendAssignments(hostId: string, assignments: readonly Assignment[]): boolean {
    const session = this.#live.get(hostId);
    session?.changeAssignments(assignments);
    return session !== undefined;
  }

  /** @throws WombatError WO_INVALID_ARGUMENT when the job does not fit into a frame; then nothing was sent */
  sendExec(job: Uint8Array, targets: ReadonlyMap<string, readonly string[]>): readonly string[] {
    const unreachable: string[] = [];
    for (const [hostId, targetIds] of targets) {
      const orders = cutExec(job, targetIds);
      const session = this.#live.get(hostId);
      if (!session) unreachable.push(hostId);
      else for (const order of orders) session.sendExec(order);
    }
    return unreachable;
  }

  cancelExec(hostId: string, jobId: string, targetIds: readonly string[]): void {
    this.#live.get(hostId)?.cancelExec(jobId, targetIds);
  }

  openChannel(hostId: string, purpose: ChannelPurpose, signal: AbortSignal): Channel {
    return this.#channels.open(hostId, purpose, signal, (frame) => {
      const session = this.#live.get(hostId);
      session?.send({ $case: 'openChannel', value: frame });
      return session !== undefined;
    });
  }

  disconnect(hostId: string, reason: string): void {
    for (const session of this.#sessions) {
      if (session.hostId === hostId) session.end(reason, new WombatError('WO_UNAVAILABLE', `the coordinator ended the session: ${reason}`));
    }
  }

  // --- what sessions say -----------------------------------------------------------------------

  #events(): SessionRoom['events'] {
    return {
      hello: (session, hello) => this.#admission.hello(session, cleanHello(hello)),
      frame: (session, frame) => this.#router.route(session, frame),
      ended: (session, was, reason, unheardMs) => this.#onEnded(session, was, reason, unheardMs),
    };
  }

  #onEnded(session: Session, was: SessionState, reason: string, unheardMs: number): void {
    const { hostId } = session;
    this.#sessions.delete(session);
    const wasHolder = this.#live.get(hostId) === session;
    if (wasHolder) {
      this.#live.delete(hostId);
      this.#channels.failHost(hostId, reason);
      if (!this.#stop.signal.aborted) this.#deliveries.silent(hostId, reason, unheardMs);
    }
    this.#log.info({ hostId, peer: session.peer, was, reason }, 'session ended');
    if (!this.#stop.signal.aborted) this.#admission.ended(session, wasHolder);
  }

  // --- admission -------------------------------------------------------------------------------

  #hall(): ConstructorParameters<typeof Admission>[1] {
    return {
      holder: (hostId) => this.#live.get(hostId),
      isOverloaded: (hostId) => this.#deliveries.isOverloaded(hostId),
      admit: (session, protocol) => this.#admit(session, protocol),
      duplicate: (holder, refused) => {
        this.#log.warn({ hostId: holder.hostId, holder: holder.peer, refused: refused.peer }, 'two agents claim one identity');
        this.#deliveries.duplicate(holder.hostId, holder.peer, refused.peer);
      },
    };
  }

  #admit(session: Session, protocol: number): void {
    const { hostId, hello } = session;
    const assignments = new AssignmentQueue(hello?.journalPosition ?? 0n, (assignment, sizeBytes) => this.#onOversize(hostId, assignment, sizeBytes));
    this.#live.set(hostId, session);
    session.welcome(protocol, this.#clock.now(), assignments);
    this.#log.info({ hostId, peer: session.peer, version: hello?.agentVersion }, 'session opened');
    this.#deliveries.connected(session);
  }

  #onOversize(hostId: string, assignment: Assignment, sizeBytes: number): void {
    const message = `the assignment of ${assignment.nodeId} takes ${sizeBytes} bytes, more than a frame of ${limits.sessionFrameBytes} holds`;
    this.#log.error({ hostId, nodeId: assignment.nodeId, sizeBytes }, 'an assignment is too large to be sent');
    this.#deliveries.undeliverable(hostId, assignment, new WombatError('WO_TEMPLATE_TOO_LARGE', message));
  }

  // --- the one timer ---------------------------------------------------------------------------

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#clock.sleep(this.#settings.tickMs, signal).catch(() => undefined);
      if (!signal.aborted) this.#tick();
    }
  }

  #tick(): void {
    const { live, closer } = this.#room;
    live.tick();
    if (live.hasStalled) this.#log.warn({ lagMs: Math.round(live.lagMs) }, 'the event loop was held up');
    for (const session of this.#sessions) session.tick();
    this.#admission.tick();
    this.#channels.tick();
    closer.tick();
  }
}
