import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Facts, Hello, Refusal, Sample, SessionRequest, SessionResponse, Welcome } from '@wombat/proto/agent';
import { durationToMs, fromErrorDetail, fromServiceError, sessionProtocol, WombatError, type Clock } from '@wombat/proto';
import type { Logger } from 'pino';
import { reportSkew } from '../identity/issued-certificate.js';
import type { SelfUpdate } from '../update/self-update.js';
import type { Channels } from './channels.js';
import type { Connection, SessionCall } from './connection.js';
import type { ReceivedFrame } from './frames.js';
import type { SessionHandlers } from './handlers.js';
import { Inbox } from './inbox.js';
import { Outbox } from './outbox.js';
import { PieceRate } from './piece-rate.js';

/** What a session says of the machine. */
export interface Reporter {
  facts(): Facts;
  sample(): Sample;
  /** Called when the facts have become more; answers the function that ends it. */
  onFactsChanged(listener: () => void): () => void;
}

export interface SessionStreamParts {
  readonly handlers: SessionHandlers;
  readonly channels: Channels;
  readonly reporter: Reporter;
  readonly updates?: SelfUpdate | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when the coordinator has welcomed us. */
  onOpen(): void;
}

/** How a session ended. */
export interface SessionEnd {
  readonly error: WombatError | undefined;
  /** How long it had been open; 0 when it never was. */
  readonly openForMs: number;
  /** The coordinator's wish. */
  readonly retryAfterMs: number;
}

/** How long the coordinator may take to end its half when we have ended ours. */
const closingTimeoutMs = 500;
/** From the first try to connect until the coordinator's machine has answered. */
const reachTimeoutMs = 10_000;
/**
 * From there until Welcome. A coordinator that thousands come back to at once takes them one after another: whoever gives up
 * has spent a handshake for nothing, and begins at the end of the row.
 */
const welcomeTimeoutMs = 60_000;
const longestRetryAfterMs = 10 * 60_000;

/** One session, from Hello to its end. Built anew for each connection. */
export class SessionStream {
  readonly #parts: SessionStreamParts;
  readonly #outbox = new Outbox();
  readonly #inbox: Inbox;
  /** Fires when the session is over for whatever reason; what runs beside it hangs on its signal. */
  readonly #over = new AbortController();
  readonly #connection: Connection;
  readonly #call: SessionCall;
  #error: WombatError | undefined;
  #retryAfterMs = 0;
  #openedAtMs: number | undefined;
  #lastSentMs = 0;
  #isBlocked = false;
  #isPumpDue = false;

  constructor(parts: SessionStreamParts, connection: Connection) {
    this.#parts = parts;
    this.#connection = connection;
    this.#call = connection.session();
    this.#inbox = new Inbox({
      handlers: parts.handlers,
      outbox: this.#outbox,
      updates: parts.updates,
      log: parts.log,
      openChannel: (request) => void parts.channels.serve(connection, request, this.#over.signal),
      wake: () => this.#wake(),
      hold: (held) => void (held ? this.#call.pause() : this.#call.resume()),
      fail: (error) => this.end(error),
    });
  }

  /** Says Hello and goes on until the session is over; never rejects. */
  async run(hello: Hello, stop: AbortSignal): Promise<SessionEnd> {
    const onStop = (): void => this.end(undefined);
    stop.addEventListener('abort', onStop, { once: true });
    this.#listen();
    this.#write({ frame: { $case: 'hello', value: hello } });
    this.#beside(this.#giveUpOpening());
    if (stop.aborted) onStop();
    await aborted(this.#over.signal);
    stop.removeEventListener('abort', onStop);
    const openForMs = this.#openedAtMs === undefined ? 0 : this.#parts.clock.monotonic() - this.#openedAtMs;
    if (this.#error === undefined) await this.#close();
    this.#call.cancel();
    return { error: this.#error, openForMs, retryAfterMs: this.#retryAfterMs };
  }

  /** Without an error: in good order, our half first. The first call counts. */
  end(error: WombatError | undefined): void {
    if (this.#over.signal.aborted) return;
    this.#error = error;
    this.#over.abort(error ?? new WombatError('WO_CANCELLED', 'the session was ended'));
  }

  #listen(): void {
    this.#call.on('data', (frame: ReceivedFrame) => this.#receive(frame));
    this.#call.on('error', (error) => this.end(fromServiceError(error)));
    this.#call.on('end', () => this.end(new WombatError('WO_UNAVAILABLE', 'the coordinator has ended the session')));
    this.#call.on('drain', () => {
      this.#isBlocked = false;
      this.#pump();
    });
  }

  #receive(received: ReceivedFrame): void {
    if (this.#over.signal.aborted) return;
    if ('broken' in received) return this.end(new WombatError('WO_INTERNAL', `the coordinator sent ${received.broken}`));
    const { frame } = received;
    if (frame?.$case === 'refusal') return this.#refused(frame.value);
    if (this.#openedAtMs !== undefined) return frame && this.#dispatch(frame);
    if (frame?.$case === 'welcome') return this.#open(frame.value);
    this.end(new WombatError('WO_INTERNAL', 'the coordinator did not begin with Welcome or Refusal'));
  }

  /** What a handler throws ends the session and nothing more. */
  #dispatch(frame: NonNullable<SessionResponse['frame']>): void {
    try {
      this.#inbox.receive(frame);
    } catch (error) {
      this.end(WombatError.from(error));
    }
  }

  #refused({ error, retryAfter }: Refusal): void {
    this.#retryAfterMs = Math.min(longestRetryAfterMs, durationToMs(retryAfter) ?? 0);
    this.end(error ? fromErrorDetail(error) : new WombatError('WO_UNAVAILABLE', 'the coordinator refuses the session'));
  }

  #open(welcome: Welcome): void {
    if (welcome.protocol < sessionProtocol.minimum || welcome.protocol > sessionProtocol.maximum) {
      return this.end(new WombatError('WO_VERSION_SKEW', `the coordinator chose protocol ${welcome.protocol}, which this agent does not speak`));
    }
    const { handlers, reporter, updates, clock, log, onOpen } = this.#parts;
    this.#openedAtMs = clock.monotonic();
    reportSkew(welcome.coordinatorTime, clock, log);
    onOpen();
    // A call may never hear that its connection is gone, and a fetch beside it would make a new one for itself.
    this.#connection.onLost(() => this.end(new WombatError('WO_UNAVAILABLE', 'the connection to the coordinator is lost')));
    const pieceRate = new PieceRate(clock);
    const listening = [
      handlers.onStatus((status) => (this.#outbox.status(status), this.#wake())),
      handlers.onOutcome((outcome) => (this.#outbox.outcome(outcome), this.#wake())),
      handlers.onProgress((progress) => {
        const isTaken = pieceRate.allows() && this.#outbox.progress(progress);
        if (isTaken) this.#wake();
        return isTaken;
      }),
      ...(updates ? [updates.onFailed((failed) => (this.#outbox.updateFailed(failed), this.#wake()))] : []),
      reporter.onFactsChanged(() => (this.#outbox.facts(reporter.facts()), this.#wake())),
    ];
    this.#over.signal.addEventListener('abort', () => listening.forEach((stop) => stop()), { once: true });
    this.#outbox.facts(reporter.facts());
    this.#outbox.completeReport(handlers.statuses());
    for (const outcome of handlers.pendingOutcomes()) this.#outbox.outcome(outcome);
    this.#wake();
    this.#beside(this.#beatForEver(intervalMs(durationToMs(welcome.beatInterval), 4_000)));
    this.#beside(this.#sampleForEver(intervalMs(durationToMs(welcome.sampleInterval), 10_000)));
  }

  async #giveUpOpening(): Promise<void> {
    const { clock } = this.#parts;
    await clock.sleep(reachTimeoutMs, this.#over.signal);
    // A machine that slept hears of its timers before it hears what has come meanwhile.
    await nextTurn();
    if (!this.#connection.isReached) return this.end(new WombatError('WO_DEADLINE_EXCEEDED', `no connection within ${reachTimeoutMs} ms`));
    await clock.sleep(welcomeTimeoutMs, this.#over.signal);
    if (this.#openedAtMs === undefined) this.end(new WombatError('WO_DEADLINE_EXCEEDED', `no Welcome within ${welcomeTimeoutMs} ms`));
  }

  async #beatForEver(everyMs: number): Promise<never> {
    for (;;) {
      const dueInMs = this.#lastSentMs + everyMs - this.#parts.clock.monotonic();
      if (dueInMs <= 0) {
        this.#outbox.beat();
        this.#wake();
      }
      await this.#parts.clock.sleep(dueInMs > 0 ? dueInMs : everyMs, this.#over.signal);
    }
  }

  async #sampleForEver(everyMs: number): Promise<never> {
    for (;;) {
      await this.#parts.clock.sleep(everyMs, this.#over.signal);
      this.#outbox.sample(this.#parts.reporter.sample());
      this.#wake();
    }
  }

  /** For what runs as long as the session and ends with it. */
  #beside(task: Promise<unknown>): void {
    task.catch((error: unknown) => this.end(WombatError.from(error)));
  }

  /** What comes in one turn of the loop is written together, so that statuses of one node fold. */
  #wake(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    setImmediate(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (!this.#isBlocked && !this.#over.signal.aborted) {
      const frame = this.#outbox.next();
      if (!frame) return;
      this.#write(frame);
    }
  }

  #write(frame: SessionRequest): void {
    this.#lastSentMs = this.#parts.clock.monotonic();
    this.#isBlocked = !this.#call.write(frame);
  }

  /** The coordinator shall see the end before it sees another session of this host. */
  async #close(): Promise<void> {
    const ended = new AbortController();
    this.#call.once('status', () => ended.abort());
    this.#call.end();
    await this.#parts.clock.sleep(closingTimeoutMs, ended.signal).catch(() => undefined);
  }
}

function intervalMs(wantedMs: number | undefined, defaultMs: number): number {
  return Math.min(60_000, Math.max(100, wantedMs ?? defaultMs));
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
