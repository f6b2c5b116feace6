import { durationFromMs, toErrorDetail, wombatVersion, WombatError } from '@wombat/proto';
import type { Assignment, Hello, OutcomeRef, Sample, SessionRequest, SessionResponse } from '@wombat/proto/agent';
import type { AssignmentQueue } from './assignment-queue.js';
import type { ExecOrder } from './exec-frame.js';
import type { FleetSettings } from './settings.js';
import type { LiveClock } from './live-clock.js';
import { Outbox } from './outbox.js';
import { encodeFrame, oversizeRequest, pingFrame, type SessionCall } from './session-wire.js';
import type { StreamCloser } from './stream-closer.js';
import type { WritePump, Writer } from './write-pump.js';

export type Frame = NonNullable<SessionRequest['frame']>;

/** What happens on sessions, told to the fleet. */
export interface SessionEvents {
  hello(session: Session, hello: Hello): void;
  /** Any frame but Hello, of a live session. */
  frame(session: Session, frame: Frame): void;
  /** Once, whatever ended it. `was` is the state it had; `unheardMs` how long nothing had been heard, when that was the reason. */
  ended(session: Session, was: SessionState, reason: string, unheardMs: number): void;
}

/** What all sessions share. */
export interface SessionRoom {
  readonly settings: FleetSettings;
  readonly live: LiveClock;
  readonly pump: WritePump;
  readonly closer: StreamCloser;
  readonly events: SessionEvents;
}

/**
 * opening: the stream is there, Hello is not.
 * waiting: another session holds the identity and is being asked whether it lives.
 * live:    Welcome is sent; the host is connected.
 * ended:   nothing is sent or heard any more; the stream closes by itself or is reset.
 */
export type SessionState = 'opening' | 'waiting' | 'live' | 'ended';

const transitions: Readonly<Record<SessionState, readonly SessionState[]>> = {
  opening: ['waiting', 'live', 'ended'],
  waiting: ['live', 'ended'],
  live: ['ended'],
  ended: [],
};

/** Why a stream is not read for the moment; several can hold at once. */
export const pauses = { backlog: 1, tooManyFrames: 2, waiting: 4 } as const;

const streamEnded = 'the stream of its agent ended';

/** Ids of jobs and targets in one frame; far below its limit. */
const refsPerFrame = 500;

/** One agent's stream. There are thousands, so it has no timer of its own. */
export class Session implements Writer {
  readonly hostId: string;
  readonly peer: string;
  readonly #call: SessionCall;
  readonly #room: SessionRoom;
  readonly #outbox: Outbox;
  #assignments: AssignmentQueue | undefined;
  #state: SessionState = 'opening';
  #heardAtMs: number;
  #sinceMs: number;
  #frames: number;
  #pauses = 0;
  /** Outcomes that the agent has yet to be told of. */
  readonly #stored: OutcomeRef[] = [];
  hello: Hello | undefined;
  sample: Sample | undefined;
  /** By how much the host's clock is ahead of ours, transit included. */
  clockSkewMs: number | undefined;
  /** How often something that it said was left out. */
  complaints = 0;

  constructor(call: SessionCall, hostId: string, peer: string, room: SessionRoom) {
    this.hostId = hostId;
    this.peer = peer;
    this.#call = call;
    this.#room = room;
    this.#outbox = new Outbox(room.settings.outboundBacklogBytes);
    this.#frames = room.settings.frameBurst;
    this.#heardAtMs = this.#sinceMs = room.live.nowMs;
    call.on('data', (request: SessionRequest) => this.#onRequest(request));
    call.on('drain', () => this.#onDrain());
    // A lost connection shows as an end as often as not, so there is one word for both.
    call.on('end', () => this.end(streamEnded));
    call.on('cancelled', () => this.#finish(streamEnded));
    call.on('close', () => this.#finish(streamEnded));
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Since when it is in its state, by the live clock. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  #advance(state: SessionState): boolean {
    if (!transitions[this.#state].includes(state)) return false;
    this.#state = state;
    this.#sinceMs = this.#room.live.nowMs;
    return true;
  }

  #onRequest(request: SessionRequest): void {
    this.#heardAtMs = this.#room.live.nowMs;
    if (request === oversizeRequest) {
      this.end('sent a frame over the limit', new WombatError('WO_RATE_LIMITED', 'a frame of a session is at most 64 KiB'));
      return;
    }
    this.#frames -= 1;
    if (this.#frames <= 0) this.pause('tooManyFrames');
    const { frame } = request;
    // What a newer agent may say and this build does not know is no fault.
    if (frame) this.#onFrame(frame);
  }

  #onFrame(frame: Frame): void {
    if (this.#state === 'live') {
      if (frame.$case !== 'hello') this.#room.events.frame(this, frame);
    } else if (this.#state === 'opening' && frame.$case === 'hello' && !this.hello) {
      this.#room.events.hello(this, frame.value);
    } else {
      this.end('did not begin with Hello', new WombatError('WO_INVALID_ARGUMENT', 'a session begins with one Hello, and goes on after Welcome'));
    }
  }

  /** Not read until it is welcomed or refused. */
  wait(): void {
    if (this.#advance('waiting')) this.pause('waiting');
  }

  welcome(protocol: number, coordinatorTimeMs: number, assignments: AssignmentQueue): void {
    if (!this.#advance('live')) return;
    const { settings, live } = this.#room;
    this.#assignments = assignments;
    this.#heardAtMs = live.nowMs;
    this.send({
      $case: 'welcome',
      value: {
        protocol,
        coordinatorVersion: wombatVersion,
        coordinatorTime: new Date(coordinatorTimeMs),
        beatInterval: durationFromMs(settings.beatIntervalMs),
        sampleInterval: durationFromMs(settings.sampleIntervalMs),
      },
    });
    this.resume('waiting');
  }

  refuse(error: WombatError, retryAfterMs: number): void {
    if (this.#state === 'ended') return;
    this.#call.write(encodeFrame({ $case: 'refusal', value: { error: toErrorDetail(error), retryAfter: durationFromMs(retryAfterMs) } }));
    this.end(error.message);
  }

  startFullSync(assignments: readonly Assignment[]): void {
    if (this.#state !== 'live') return;
    this.#assignments?.startFullSync(assignments);
    this.#room.pump.add(this);
  }

  changeAssignments(assignments: readonly Assignment[]): void {
    this.#assignments?.change(assignments);
    if (this.#assignments?.hasFrame) this.#room.pump.add(this);
  }

  send(frame: NonNullable<SessionResponse['frame']>): void {
    this.#push(encodeFrame(frame));
  }

  /**
   * These outcomes are stored; the agent may forget them. It is told with the next look of the scan: nobody waits for it, and to
   * write to each agent between the outcomes of others would make those late (1,000 agents: by 25 of 170 ms).
   */
  acknowledge(outcomes: readonly OutcomeRef[]): void {
    this.#stored.push(...outcomes);
    if (this.#stored.length >= refsPerFrame) this.#tellStored();
  }

  #tellStored(): void {
    while (this.#stored.length > 0) this.send({ $case: 'acknowledgeOutcomes', value: { outcomes: this.#stored.splice(0, refsPerFrame) } });
  }

  cancelExec(jobId: string, targetIds: readonly string[]): void {
    // Without targets it speaks of all of them, in one frame.
    let from = 0;
    do {
      this.send({ $case: 'cancelExec', value: { jobId, targetIds: targetIds.slice(from, from + refsPerFrame) } });
      from += refsPerFrame;
    } while (from < targetIds.length);
  }

  sendExec(order: ExecOrder): void {
    this.#push(order);
  }

  /** Its Beat tells that it lives. */
  ping(): void {
    this.#push(pingFrame);
  }

  #push(entry: Buffer | ExecOrder): void {
    if (this.#state !== 'live') return;
    if (this.#outbox.push(entry)) this.#room.pump.add(this);
    else this.end('does not read what it is sent', new WombatError('WO_RATE_LIMITED', 'too much waits to be read by this agent'));
  }

  flush(): void {
    if (this.#state === 'live') this.#outbox.flush(this.#call, this.#assignments, this.#room.live.nowMs);
  }

  #onDrain(): void {
    if (this.#outbox.drained()) this.#room.pump.add(this);
  }

  pause(why: keyof typeof pauses): void {
    if (this.#pauses === 0) this.#call.pause();
    this.#pauses |= pauses[why];
  }

  resume(why: keyof typeof pauses): void {
    if (this.#pauses === 0) return;
    this.#pauses &= ~pauses[why];
    if (this.#pauses === 0 && this.#state !== 'ended') this.#call.resume();
  }

  /** One look of the scan over all sessions. */
  tick(): void {
    const { live, settings } = this.#room;
    this.#frames = Math.min(settings.frameBurst, this.#frames + (settings.framesPerSecond * settings.tickMs) / 1000);
    if (this.#frames > 0) this.resume('tooManyFrames');
    this.#tellStored();
    // Whom we do not read cannot be heard.
    if (this.#pauses !== 0) this.#heardAtMs = live.nowMs;
    if (live.hasStalled) return;
    if (this.#state === 'opening' && live.nowMs - this.#sinceMs >= settings.helloWithinMs) {
      this.end('did not say Hello', new WombatError('WO_DEADLINE_EXCEEDED', 'a session begins with Hello'));
    } else if (this.#state === 'live') {
      this.#judge(live.nowMs, settings);
    }
  }

  #judge(nowMs: number, settings: FleetSettings): void {
    const unheardMs = nowMs - this.#heardAtMs;
    if (unheardMs > settings.silentAfterMs) {
      if (this.#finish(`no frame for ${settings.silentAfterMs / 1000} s`, unheardMs)) this.#room.closer.cut(this.#call, new WombatError('WO_HOST_UNREACHABLE', 'the agent was silent for too long'));
    } else if (this.#outbox.stalledMs(this.#call, nowMs) > settings.writeStallMs) {
      this.end('does not read what it is sent', new WombatError('WO_RATE_LIMITED', 'the agent does not read what it is sent'));
    }
  }

  /** Ends it with the error's status, or in good order. The agent may come back. */
  end(reason: string, error?: WombatError): void {
    if (!this.#finish(reason)) return;
    this.#room.closer.end(this.#call, error);
  }

  #finish(reason: string, unheardMs = 0): boolean {
    const was = this.#state;
    if (!this.#advance('ended')) return false;
    this.#room.events.ended(this, was, reason, unheardMs);
    return true;
  }
}
