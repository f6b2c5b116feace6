import path from 'node:path';
import { WombatError } from '@wombat/proto';
import type { ProcessLock } from '@wombat/proto/processes';
import type { Logger } from 'pino';
import type { AgentsListener } from './api/doors/agents-listener.js';
import { formatAddress, type Address } from './api/doors/address.js';
import type { ControlListener } from './api/doors/control-listener.js';
import type { HealthService } from './api/health/health-service.js';
import type { HttpListener } from './api/http/http-listener.js';
import type { Backups } from './backup/create-backup.js';
import type { CertificateIndex } from './auth/certificate-index.js';
import { writeFileAtomically } from './auth/private-file.js';
import type { Operators } from './auth/operators.js';
import type { TokenUses } from './auth/token-uses.js';
import type { ServerCertificate } from './auth/server-certificate.js';
import type { Configuration } from './configuration/configuration.js';
import type { Engine } from './engine/engine.js';
import type { AgentFleet } from './fleet/agent-fleet.js';
import type { Catalog } from './plugins/catalog.js';
import type { ProviderInstances } from './plugins/provider-instances.js';
import type { Store } from './store/store.js';

export interface CoordinatorParts {
  readonly configuration: Configuration;
  readonly version: string;
  readonly lock: ProcessLock;
  readonly store: Store;
  readonly log: Logger;
  readonly certificate: ServerCertificate;
  readonly index: CertificateIndex;
  /** What looks at something again and again until the signal fires. */
  readonly watches: readonly { run(signal: AbortSignal): Promise<void> }[];
  readonly operators: Operators;
  readonly uses: TokenUses;
  readonly providers: ProviderInstances;
  readonly catalog: Catalog;
  readonly backups: Backups;
  readonly fleet: AgentFleet;
  readonly engine: Engine;
  readonly health: HealthService;
  readonly control: ControlListener;
  readonly agents: AgentsListener;
  readonly http: HttpListener;
  /** @throws WombatError WO_INTERNAL unless the method table and the services agree */
  readonly checkMethods: () => void;
}

/** Where others reach the coordinator, "host:port". */
export interface Addresses {
  readonly control: string;
  readonly agents: string;
  readonly http: string;
}

/** Calls under way get this long to end when the coordinator stops. */
const graceMs = 3_000;

/** The running coordinator: what is started in which order, and stopped in the reverse. */
export class Coordinator {
  #addresses: Addresses | undefined;
  #isServing = false;
  readonly #stop = new AbortController();

  constructor(private readonly parts: CoordinatorParts) {}

  /** Known once it listens. */
  get addresses(): Addresses {
    if (!this.#addresses) throw new Error('the coordinator does not listen yet');
    return this.#addresses;
  }

  /** From the end of start() to the beginning of stop(). */
  get isServing(): boolean {
    return this.#isServing;
  }

  /** @throws WombatError WO_ADDRESS_IN_USE */
  async start(): Promise<void> {
    const { parts } = this;
    parts.checkMethods();
    await parts.index.load();
    await parts.operators.load();
    await parts.uses.load();
    await parts.backups.removeLeftovers();
    parts.fleet.start();
    void parts.certificate.run(this.#stop.signal);
    for (const watch of parts.watches) void watch.run(this.#stop.signal);
    const { configuration } = parts;
    const agents = await this.#listen('agents', parts.agents, configuration.agents.address);
    const control = await this.#listen('control', parts.control, configuration.control.address);
    const http = await this.#listen('http', parts.http, configuration.http.address);
    this.#addresses = {
      http: reachable(configuration.advertise.http, http), control: reachable(configuration.advertise.control, control), agents: reachable(configuration.advertise.agents, agents) };
    await parts.providers.adopt(await parts.store.read.providers.find({}));
    await parts.engine.start();
    await writeFileAtomically(path.join(configuration.directory, 'addresses.json'), `${JSON.stringify(this.#addresses)}\n`);
    this.#isServing = true;
    parts.health.set('SERVING');
    parts.log.info({ ...this.#addresses, version: parts.version }, 'the coordinator serves');
  }

  /**
   * A port that was chosen freely is chosen again at the next start: agents and contexts know it.
   * @throws WombatError WO_ADDRESS_IN_USE
   */
  async #listen(name: string, door: { listen(address: Address): Promise<Address> }, wanted: Address): Promise<Address> {
    if (wanted.port !== 0) return door.listen(wanted);
    const { store } = this.parts;
    const key = `port.${name}`;
    const before = await store.read.meta.get(key);
    const listening = await door.listen({ ...wanted, port: Number(before ?? 0) }).catch((error: unknown) => {
      throw before === undefined ? error : portTaken(error);
    });
    if (before === undefined) await store.transaction((transaction) => transaction.meta.set(key, String(listening.port)));
    return listening;
  }

  /** Hosts and their nodes run on. */
  async stop(): Promise<void> {
    const { parts } = this;
    this.#isServing = false;
    this.#stop.abort();
    parts.health.set('NOT_SERVING');
    await parts.engine.stop();
    await Promise.all([parts.control.close(graceMs), parts.agents.close(graceMs), parts.http.close(graceMs), parts.fleet.stop(), parts.catalog.close()]);
    await parts.providers.close();
    parts.index.close();
    parts.operators.close();
    await parts.uses.close();
    await parts.store.close();
    parts.lock.release();
    parts.log.info({}, 'the coordinator has stopped');
  }
}

function reachable(advertised: Address | undefined, listening: Address): string {
  return formatAddress(advertised ?? listening);
}

/** To choose another port is no way out here. */
function portTaken(error: unknown): unknown {
  if (!WombatError.is(error) || error.code !== 'WO_ADDRESS_IN_USE') return error;
  return new WombatError('WO_ADDRESS_IN_USE', error.message, { hint: 'end that process: the agents and contexts of this coordinator know the port', cause: error });
}
