import type { Clock } from '@wombat/proto';
import type { NewEvent } from '../../../domain/model/event.js';
import type { Store } from '../../../store/store.js';
import type { ConsoleTarget } from './console-target.js';

/** Who has a console where. Never what was typed or written. */
export interface ConsoleRecord {
  readonly consoleId: string;
  readonly principal: string;
  /** Address of the operator. */
  readonly peer: string;
  readonly target: ConsoleTarget;
  /** "remote console", "shell", "console of the release". */
  readonly what: string;
  /** User of the host. */
  readonly user: string;
}

/** How a console ended. */
export interface ConsoleEnd {
  /** `exited`, `left`, or the code of an error. */
  readonly reason: string;
  readonly message: string;
  /** Undefined: nobody knows. */
  readonly exitCode?: number;
}

/** Writes down that a console was opened, before anything can be typed, and how it ended. */
export class ConsoleAudit {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Answers what writes its end down. @throws WombatError when it cannot be written: then nobody gets the console */
  async opened(record: ConsoleRecord): Promise<(end: ConsoleEnd) => Promise<void>> {
    const openedAt = this.#clock.now();
    const { principal, what, user, target } = record;
    await this.#append(eventOf(record, 'console.opened', 'opened', `${principal} opened a ${what} on ${nameOf(target)} as ${user}`));
    return ({ reason, message, exitCode }) => {
      const durationMs = Math.max(0, this.#clock.now() - openedAt);
      const end = { durationMs, ...(exitCode === undefined ? {} : { exitCode }) };
      return this.#append(eventOf(record, 'console.ended', reason, `the ${what} of ${principal} on ${nameOf(target)} ended after ${Math.round(durationMs / 1000)} s: ${message}`, end));
    };
  }

  #append(event: NewEvent): Promise<void> {
    return this.#store.transaction((transaction) => transaction.events.append(event));
  }
}

function eventOf({ consoleId, principal, peer, what, user, target: { node, host } }: ConsoleRecord, type: string, reason: string, message: string, more: NewEvent['payload'] = {}): NewEvent {
  const subject = node ?? host;
  return {
    type, subjectId: subject.id, subjectName: subject.name, reason, message, hostId: host.id,
    ...(node ? { nodeId: node.id, familyId: node.familyId } : {}),
    payload: { consoleId, principal, peer, what, user, ...more },
  };
}

function nameOf({ node, host }: ConsoleTarget): string {
  return (node ?? host).name;
}
