import type { Exec, SessionResponse } from '@wombat/proto/agent';
import { WombatError } from '@wombat/proto';
import type { Logger } from 'pino';
import type { SelfUpdate } from '../update/self-update.js';
import type { SessionHandlers } from './handlers.js';
import type { Outbox } from './outbox.js';

type Frame = NonNullable<SessionResponse['frame']>;
type OpenChannelFrame = Extract<Frame, { $case: 'openChannel' }>['value'];

export interface InboxParts {
  readonly handlers: SessionHandlers;
  readonly outbox: Outbox;
  readonly log: Logger;
  readonly updates?: Pick<SelfUpdate, 'take'> | undefined;
  openChannel(request: OpenChannelFrame): void;
  /** There is something new in the outbox. */
  wake(): void;
  /** Too much waits for the disk: stop reading, or go on. */
  hold(held: boolean): void;
  /** The session cannot go on. */
  fail(error: WombatError): void;
}

/** Frames that may wait for the journal before the stream is no longer read. */
const maximumWaiting = 64;

/**
 * Hands the frames of an open session to the handlers. Assignments and acknowledgements are
 * journaled one after another in the order they came; pings, cancels and channels wait for nothing.
 */
export class Inbox {
  readonly #parts: InboxParts;
  #journaling: Promise<void> = Promise.resolve();
  #waiting = 0;
  #lastExecSequence: bigint | undefined;

  constructor(parts: InboxParts) {
    this.#parts = parts;
  }

  receive(frame: Frame): void {
    const { handlers, outbox, wake, openChannel } = this.#parts;
    switch (frame.$case) {
      case 'ping':
        outbox.answerPing();
        return wake();
      case 'assignments':
        return this.#inOrder('assignments', async () => {
          await handlers.assignments(frame.value);
          // A full sync is in the journal when its last frame is.
          if (!frame.value.fullSync || frame.value.last) outbox.journaled(frame.value.syncId);
          wake();
        });
      case 'acknowledgeOutcomes':
        for (const outcome of frame.value.outcomes) outbox.acknowledged(outcome);
        return this.#inOrder('acknowledgements', () => handlers.acknowledgeOutcomes(frame.value));
      case 'exec':
        return this.#exec(frame.value);
      case 'cancelExec':
        return handlers.cancelExec(frame.value);
      case 'openChannel':
        return openChannel(frame.value);
      case 'updateAgent':
        return this.#parts.updates?.take(frame.value);
      default:
        // A second Welcome or Refusal, or a kind that is younger than this agent: neither does harm.
        this.#parts.log.debug({ kind: (frame as Frame).$case }, 'frame ignored');
    }
  }

  #inOrder(what: string, work: () => Promise<void>): void {
    if (++this.#waiting === maximumWaiting) this.#parts.hold(true);
    this.#journaling = this.#journaling.then(work).catch((error: unknown) => {
      // The next session begins with a full sync, so nothing that was not journaled is lost.
      this.#parts.fail(new WombatError('WO_INTERNAL', `${what} could not be journaled: ${(error as Error).message}`, { cause: error }));
    }).finally(() => {
      if (this.#waiting-- === maximumWaiting) this.#parts.hold(false);
    });
  }

  /** Not awaited: a slow disk must not hold up what cancels a command. */
  #exec(frame: Exec): void {
    const { handlers, log } = this.#parts;
    const expected = this.#lastExecSequence === undefined ? frame.sequence : this.#lastExecSequence + 1n;
    if (frame.sequence !== expected) {
      log.error({ sequence: String(frame.sequence), expected: String(expected) }, 'a replayed or reordered command is refused');
      return;
    }
    this.#lastExecSequence = frame.sequence;
    handlers.exec(frame).catch((error: unknown) => log.warn({ err: error }, 'a command was not taken'));
  }
}
