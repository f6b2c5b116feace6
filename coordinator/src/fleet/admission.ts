import { sessionProtocol, wombatVersion, WombatError } from '@wombat/proto';
import type { Hello } from '@wombat/proto/agent';
import type { Session, SessionRoom } from './session.js';

const retryAfterMs = { duplicate: 5_000, skew: 300_000, overloaded: 5_000 } as const;

/** What admission needs of the fleet. */
export interface AdmissionHall {
  /** The live session of the host. */
  holder(hostId: string): Session | undefined;
  /** Too much of this host still waits for the listener. */
  isOverloaded(hostId: string): boolean;
  admit(session: Session, protocol: number): void;
  duplicate(holder: Session, refused: Session): void;
}

/**
 * Decides which stream becomes the session of its host. There is one at a time: when a second
 * stream comes with the same identity, the holder is pinged. An agent that was killed or cut off
 * does not answer and is replaced; one that answers is another machine with the same identity
 * (a cloned disk), and the newcomer is refused.
 */
export class Admission {
  readonly #room: Pick<SessionRoom, 'live' | 'settings'>;
  readonly #hall: AdmissionHall;
  // A host has one stream before Hello and one that waits for the holder's answer, no more.
  readonly #opening = new Map<string, Session>();
  readonly #waiting = new Map<string, Session>();

  constructor(room: Pick<SessionRoom, 'live' | 'settings'>, hall: AdmissionHall) {
    this.#room = room;
    this.#hall = hall;
  }

  open(session: Session): void {
    this.#opening.get(session.hostId)?.end('another stream of this host was opened', duplicateError(session));
    this.#opening.set(session.hostId, session);
  }

  hello(session: Session, hello: Hello): void {
    const { hostId } = session;
    this.#left(this.#opening, session);
    session.hello = hello;
    const protocol = negotiate(hello);
    if (protocol === undefined) return session.refuse(skewError(hello), retryAfterMs.skew);
    if (this.#hall.isOverloaded(hostId)) {
      return session.refuse(new WombatError('WO_UNAVAILABLE', 'earlier reports of this host are still being stored'), retryAfterMs.overloaded);
    }
    const holder = this.#hall.holder(hostId);
    if (!holder) return this.#hall.admit(session, protocol);
    if (this.#waiting.has(hostId)) return session.refuse(duplicateError(holder), retryAfterMs.duplicate);
    this.#waiting.set(hostId, session);
    session.wait();
    holder.ping();
  }

  /** The holder has answered a ping: it lives, and who waits for its place is refused. */
  answered(holder: Session): void {
    const newcomer = this.#waiting.get(holder.hostId);
    if (!newcomer) return;
    this.#waiting.delete(holder.hostId);
    this.#hall.duplicate(holder, newcomer);
    newcomer.refuse(duplicateError(holder), retryAfterMs.duplicate);
  }

  /** A session is gone: its place is free for who waits. */
  ended(session: Session, wasHolder: boolean): void {
    this.#left(this.#opening, session);
    this.#left(this.#waiting, session);
    const newcomer = wasHolder ? this.#waiting.get(session.hostId) : undefined;
    if (!newcomer?.hello) return;
    this.#waiting.delete(session.hostId);
    this.#hall.admit(newcomer, negotiate(newcomer.hello) ?? sessionProtocol.maximum);
  }

  tick(): void {
    const { live, settings } = this.#room;
    if (live.hasStalled) return;
    for (const [hostId, newcomer] of this.#waiting) {
      if (live.nowMs - newcomer.sinceMs < settings.probeMs) continue;
      const holder = this.#hall.holder(hostId);
      holder?.end('does not answer, and another session was opened', new WombatError('WO_DUPLICATE_IDENTITY', 'replaced by a newer session of this host'));
    }
  }

  #left(map: Map<string, Session>, session: Session): void {
    if (map.get(session.hostId) === session) map.delete(session.hostId);
  }
}

/** The newest version that both sides speak. */
function negotiate({ protocolMin, protocolMax }: Hello): number | undefined {
  const protocol = Math.min(protocolMax, sessionProtocol.maximum);
  return protocol >= Math.max(protocolMin, sessionProtocol.minimum) ? protocol : undefined;
}

function skewError(hello: Hello): WombatError {
  const isAgentOlder = hello.protocolMax < sessionProtocol.minimum;
  const message =
    `the agent ${hello.agentVersion} speaks session protocol ${hello.protocolMin} to ${hello.protocolMax}, ` +
    `the coordinator ${wombatVersion} speaks ${sessionProtocol.minimum} to ${sessionProtocol.maximum}`;
  const hint = isAgentOlder ? `upgrade the agent to ${wombatVersion}` : `upgrade the coordinator to ${hello.agentVersion}, or install agent ${wombatVersion}`;
  return new WombatError('WO_VERSION_SKEW', message, { hint });
}

const duplicateError = (holder: Session): WombatError =>
  new WombatError('WO_DUPLICATE_IDENTITY', `another agent holds the session of ${holder.hostId}, from ${holder.peer}`);
