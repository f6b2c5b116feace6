import { Limiter, orAborted } from '@wombat/plugin-sdk';
import { Connection } from './connection.js';
import { credentials } from './credentials.js';
import type { Target } from './inventory.js';
import type { SshSettings } from './settings.js';

/** After its last use. */
const idleMs = 30_000;
const opensAtOnce = 16;

interface Held {
  readonly opening: Promise<Connection>;
  users: number;
  timer?: NodeJS.Timeout;
}

/** Connections that are kept for a while, one to each machine: a handshake costs both ends more than what is asked for. */
export class Connections {
  readonly #settings: SshSettings;
  readonly #held = new Map<string, Held>();
  readonly #opens = new Limiter(opensAtOnce);

  constructor(settings: SshSettings) {
    this.#settings = settings;
  }

  /**
   * Runs some work on a connection; one that was lost since its last use is replaced.
   *
   * @throws ProviderError auth, throttled or unavailable when there is no connection, and what the work throws
   */
  async use<T>(target: Target, signal: AbortSignal, work: (connection: Connection) => Promise<T>): Promise<T> {
    const { name, address, port, user } = target;
    const key = JSON.stringify([name, address, port, user]);
    const held = this.#hold(key, target);
    try {
      return await work(await orAborted(held.opening, signal));
    } finally {
      held.users -= 1;
      if (held.users === 0) this.#leave(key, held);
    }
  }

  /** Forgets all connections; what runs on them is lost. */
  close(): void {
    for (const [key, held] of this.#held) this.#drop(key, held);
  }

  #hold(key: string, target: Target): Held {
    const held = this.#held.get(key) ?? { opening: this.#open(key, target), users: 0 };
    this.#held.set(key, held);
    clearTimeout(held.timer);
    held.users += 1;
    return held;
  }

  async #open(key: string, target: Target): Promise<Connection> {
    const release = await this.#opens.acquire();
    try {
      const connection = await Connection.open(target, await credentials(this.#settings));
      connection.whenLost(() => this.#held.delete(key));
      return connection;
    } catch (error) {
      this.#held.delete(key);
      throw error;
    } finally {
      release();
    }
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
