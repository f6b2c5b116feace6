import { Limiter, orAborted } from '@wombat/plugin-sdk';
import { Connection, type Remote } from './connection.js';
import { credentials } from './credentials.js';
import type { Target } from './inventory.js';
import type { SshSettings } from './settings.js';

/** After its last use. */
const idleMs = 30_000;
const handshakesAtOnce = 16;

interface Held {
  readonly opening: Promise<Connection>;
  users: number;
  timer?: NodeJS.Timeout;
}

/** Connections that are kept for a while, one to each machine: a handshake costs both ends more than what is asked for. */
export class Connections {
  readonly #settings: SshSettings;
  readonly #held = new Map<string, Held>();
  readonly #handshakes = new Limiter(handshakesAtOnce);

  constructor(settings: SshSettings) {
    this.#settings = settings;
  }

  /**
   * Runs a command, and some work with it; a connection that was lost since its last use is replaced.
   *
   * @throws ProviderError auth, throttled or unavailable when there is no channel, and what the work throws
   */
  async exec<T>(target: Target, command: string, signal: AbortSignal, work: (remote: Remote) => Promise<T>): Promise<T> {
    const { name, address, port, user } = target;
    const key = JSON.stringify([name, address, port, user]);
    const isOld = this.#held.has(key);
    const held = this.#hold(key, target);
    try {
      const remote = await orAborted(held.opening.then(async (connection) => await connection.exec(command)), signal).catch((error: unknown) => {
        if (!isOld || signal.aborted) throw error;
        this.#drop(key, held);
      });
      if (remote) return await work(remote);
    } finally {
      held.users -= 1;
      if (held.users === 0) this.#leave(key, held);
    }
    return await this.exec(target, command, signal, work);
  }

  /** Forgets all connections; what runs on them is lost. */
  close(): void {
    for (const [key, held] of this.#held) this.#drop(key, held);
  }

  #hold(key: string, target: Target): Held {
    const held = this.#held.get(key) ?? this.#begin(key, target);
    clearTimeout(held.timer);
    held.users += 1;
    return held;
  }

  #begin(key: string, target: Target): Held {
    const held: Held = { opening: this.#open(target), users: 0 };
    this.#held.set(key, held);
    const forget = (): void => {
      if (this.#held.get(key) === held) this.#held.delete(key);
    };
    held.opening.then((connection) => connection.whenLost(forget), forget);
    return held;
  }

  async #open(target: Target): Promise<Connection> {
    return await Connection.open(target, await credentials(this.#settings), async () => await this.#handshakes.acquire());
  }

  #leave(key: string, held: Held): void {
    held.timer = setTimeout(() => this.#drop(key, held), idleMs).unref();
  }

  #drop(key: string, held: Held): void {
    clearTimeout(held.timer);
    if (this.#held.get(key) === held) this.#held.delete(key);
    held.opening.then((connection) => connection.end(), () => undefined);
  }
}
