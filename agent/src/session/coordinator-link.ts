import { orAborted, type Clock, type WombatError } from '@wombat/proto';
import type { CoordinatorAddress } from '../identity/coordinator-address.js';
import { explainTime } from '../identity/explain-time.js';
import type { IdentityKeeper } from '../identity/identity-keeper.js';
import { secureClient } from '../identity/secure-client.js';
import { Connection } from './connection.js';

/** Makes connections with the newest certificate, and knows the one whose session is open. */
export class CoordinatorLink {
  readonly #address: CoordinatorAddress;
  readonly #keeper: Pick<IdentityKeeper, 'current'>;
  #current: Connection | undefined;
  readonly #waiting = new Set<(connection: Connection) => void>();

  constructor(address: CoordinatorAddress, keeper: Pick<IdentityKeeper, 'current'>) {
    this.#address = address;
    this.#keeper = keeper;
  }

  connect(): Connection {
    return new Connection((onReached) => secureClient(this.#address, this.#keeper.current(), onReached));
  }

  /** Why a session was not to be had, where the clocks may be to blame. */
  explain(error: WombatError, clock: Clock): Promise<WombatError> {
    return explainTime(error, this.#address, this.#keeper.current(), clock);
  }

  /** Set while a session is open on it. */
  use(connection: Connection | undefined): void {
    this.#current = connection;
    if (connection) for (const take of this.#waiting) take(connection);
  }

  /** The connection of the session that is open, or of the next. @throws the signal's reason */
  async connected(signal: AbortSignal): Promise<Connection> {
    if (this.#current) return this.#current;
    let take: (connection: Connection) => void = () => undefined;
    const next = new Promise<Connection>((resolve) => this.#waiting.add((take = resolve)));
    return orAborted(next, signal).finally(() => this.#waiting.delete(take));
  }
}
