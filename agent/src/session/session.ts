import { sessionProtocol, WombatError, wombatVersion, type BackoffOptions, type Clock, type ErrorCode } from '@wombat/proto';
import type { Hello } from '@wombat/proto/agent';
import type { Logger } from 'pino';
import type { IdentityKeeper } from '../identity/identity-keeper.js';
import type { SelfUpdate } from '../update/self-update.js';
import { Channels } from './channels.js';
import type { Connection } from './connection.js';
import type { CoordinatorLink } from './coordinator-link.js';
import type { SessionHandlers } from './handlers.js';
import { Patience } from './patience.js';
import { advance, type SessionEvent, type SessionState } from './session-state.js';
import { SessionStream, type Reporter, type SessionEnd } from './session-stream.js';

export interface SessionParts {
  readonly link: CoordinatorLink;
  readonly keeper: Pick<IdentityKeeper, 'onRenewed' | 'renewSoon'>;
  readonly handlers: SessionHandlers;
  readonly reporter: Reporter;
  /** Where this agent was started by its launcher. */
  readonly updates?: SelfUpdate | undefined;
  /** Changes when the machine boots. */
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** @default 200 ms .. 8 s */
  readonly backoff?: BackoffOptions;
}

/** What this agent can do, beyond what each agent of its protocol can. */
const features = ['channel.read-logs', 'channel.read-exec-output', 'channel.measure-data', 'channel.open-console'];
const hints: { readonly [code in ErrorCode]?: string } = {
  WO_CERTIFICATE_REFUSED: 'if this host shall come back, create a token (wo token create), empty the directory of the agent and start it with that token; else stop the agent',
  WO_DUPLICATE_IDENTITY: 'was the disk of this machine copied? stop the agent on one of the two, or empty its directory and enrol it with a token of its own; nodes of this directory run on meanwhile',
};
/** What the coordinator says of a certificate that can still be renewed. */
const outOfTime: ReadonlySet<string | undefined> = new Set(['expired', 'not-yet-valid']);

/** Holds a session with the coordinator, one after another, until it is stopped. See session-state.ts. */
export class Session {
  readonly #parts: SessionParts;
  readonly #channels: Channels;
  readonly #patience: Patience;
  #state: SessionState = 'waiting';
  /** Ends the wait for the next try. */
  #retry = new AbortController();
  #lastReason = '';

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#channels = new Channels(parts.handlers, parts.log);
    this.#patience = new Patience(parts.backoff);
  }

  state(): SessionState {
    return this.#state;
  }

  /** Resolves when the signal has fired and the last session is closed; never rejects. */
  async run(stop: AbortSignal): Promise<void> {
    // A session that is open goes on: the coordinator knows that the new certificate follows the one that it began with.
    const forget = this.#parts.keeper.onRenewed(() => this.#retry.abort());
    const onStop = (): void => this.#retry.abort();
    stop.addEventListener('abort', onStop, { once: true });
    while (!stop.aborted) {
      const startedAt = this.#parts.clock.monotonic();
      const end = await this.#once(stop);
      if (stop.aborted) break;
      this.#advance('end');
      if (end.error) await this.#wait(end.error, this.#patience.delayMs(end.error, end, this.#parts.clock.monotonic() - startedAt));
    }
    forget();
    stop.removeEventListener('abort', onStop);
    this.#advance('stop');
    this.#advance('end');
  }

  async #once(stop: AbortSignal): Promise<SessionEnd> {
    this.#advance('try');
    let connection: Connection | undefined;
    try {
      connection = this.#parts.link.connect();
      const end = await this.#newStream(connection).run(this.#hello(), stop);
      return end.error ? { ...end, error: await this.#parts.link.explain(end.error, this.#parts.clock) } : end;
    } catch (error) {
      return { error: WombatError.from(error), openForMs: 0, retryAfterMs: 0 };
    } finally {
      this.#parts.link.use(undefined);
      connection?.close();
    }
  }

  #newStream(connection: Connection): SessionStream {
    const { handlers, reporter, updates, clock, log, link } = this.#parts;
    const onOpen = (): void => {
      this.#advance('welcome');
      this.#lastReason = '';
      link.use(connection);
      updates?.confirm();
      log.info({ sinceStartMs: Math.round(process.uptime() * 1_000) }, 'connected');
    };
    return new SessionStream({ handlers, channels: this.#channels, reporter, updates, clock, log, onOpen }, connection);
  }

  #hello(): Hello {
    const { updates } = this.#parts;
    return {
      protocolMin: sessionProtocol.minimum,
      protocolMax: sessionProtocol.maximum,
      agentVersion: wombatVersion,
      features: updates ? [...features, 'agent.update'] : features,
      bootId: this.#parts.bootId,
      journalPosition: this.#parts.handlers.journalPosition(),
      agentTime: new Date(this.#parts.clock.now()),
      journalDamages: [...this.#parts.handlers.journalDamages()],
      packageSha256: updates?.package ?? '',
      updateFailed: updates?.failed,
    };
  }

  async #wait(error: WombatError, delayMs: number): Promise<void> {
    this.#tell(error, delayMs);
    this.#retry = new AbortController();
    if (error.code === 'WO_CERTIFICATE_REFUSED' && outOfTime.has(error.details?.['reason'])) this.#parts.keeper.renewSoon();
    await this.#parts.clock.sleep(delayMs, this.#retry.signal).catch(() => undefined);
  }

  /** The same reason, told every 8 seconds for an hour, helps nobody. */
  #tell(error: WombatError, delayMs: number): void {
    const reason = `${error.code}: ${error.message}`;
    const level = reason === this.#lastReason ? 'debug' : 'warn';
    this.#lastReason = reason;
    this.#parts.log[level]({ code: error.code, reason: error.message, hint: hints[error.code] ?? error.hint, delayMs }, 'no session with the coordinator');
  }

  #advance(event: SessionEvent): void {
    this.#state = advance(this.#state, event);
  }
}
