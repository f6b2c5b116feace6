import { WombatError, type Clock } from '@wombat/proto';
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

  constructor(address: CoordinatorAddress, keeper: Pick<IdentityKeeper, 'current'>) {
    this.#address = address;
    this.#keeper = keeper;
  }

  connect(): Connection {
    return new Connection(secureClient(this.#address, this.#keeper.current()));
  }

  /** Why a session was not to be had, where the clocks may be to blame. */
  explain(error: WombatError, clock: Clock): Promise<WombatError> {
    return explainTime(error, this.#address, this.#keeper.current(), clock);
  }

  /** Set while a session is open on it. */
  use(connection: Connection | undefined): void {
    this.#current = connection;
  }

  /** @throws WombatError WO_HOST_UNREACHABLE while no session is open */
  current(): Connection {
    if (!this.#current) throw new WombatError('WO_HOST_UNREACHABLE', 'there is no connection to the coordinator');
    return this.#current;
  }
}
