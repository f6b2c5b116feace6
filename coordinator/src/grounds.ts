import path from 'node:path';
import { WombatError, type SteadyClock } from '@wombat/proto';
import { ProcessLock } from '@wombat/proto/processes';
import type { Logger } from 'pino';
import { CertificateAuthority } from './auth/certificate-authority.js';
import { ensureClusterId } from './auth/cluster-id.js';
import { makePrivateDirectory } from './auth/private-file.js';
import { SecretBox } from './auth/secret-box.js';
import { ServerCertificate } from './auth/server-certificate.js';
import type { Configuration } from './configuration/configuration.js';
import { readSecret } from './configuration/secret-reference.js';
import { Catalog } from './plugins/catalog.js';
import type { Store } from './store/store.js';
import type { StorePlace } from './store/place.js';
import { postgresPlace } from './store/postgres/place.js';
import { sqlitePlace } from './store/sqlite/place.js';

/** What must be read or made before any part can be built: files, keys, the store, the plugins. */
export interface Grounds {
  /** Released last. */
  readonly lock: ProcessLock;
  /** The one that was named, wherever it lies. */
  readonly configurationFile: string | undefined;
  readonly clock: SteadyClock;
  readonly place: StorePlace;
  readonly store: Store;
  readonly clusterId: string;
  readonly secrets: SecretBox;
  readonly authority: CertificateAuthority;
  readonly certificate: ServerCertificate;
  readonly catalog: Catalog;
}

/** @throws WombatError WO_IN_USE, WO_STORE_..., WO_KEY_UNUSABLE, WO_PLUGIN_INVALID: then nothing is left open */
export async function layGrounds(configuration: Configuration, clock: SteadyClock, log: Logger, configurationFile?: string): Promise<Grounds> {
  const { directory } = configuration;
  await makePrivateDirectory(directory).catch((error: unknown) => {
    throw new WombatError('WO_STORE_UNUSABLE', `the directory ${directory} cannot be used: ${(error as Error).message}`, { cause: error });
  });
  const lock = lockDirectory(directory);
  let store: Store | undefined;
  try {
    const catalog = await Catalog.load(configuration.plugins, directory, { log });
    const place = placeOf(configuration, clock, log);
    store = await place.open();
    const clusterId = await ensureClusterId(store);
    // First: to a store with secrets belongs the directory that has their key.
    const secrets = await SecretBox.load(directory, store);
    const authority = await CertificateAuthority.load({ directory, clusterId, clock, hostLifetimeMs: configuration.certificates.lifetimeMs });
    const certificate = await ServerCertificate.issue({ authority, clock, log, advertisedNames: advertisedNames(configuration) });
    return { lock, configurationFile, clock, place, store, clusterId, secrets, authority, certificate, catalog };
  } catch (error) {
    await store?.close();
    lock.release();
    throw error;
  }
}

function placeOf({ directory, store }: Configuration, clock: SteadyClock, log: Logger): StorePlace {
  const { url, password } = store;
  if (!url) return sqlitePlace(path.join(directory, 'store', 'wombat.db'), clock);
  return postgresPlace({
    address: url,
    password: () => password && readSecret(password, 'store.password', process.env),
    clock,
    told: {
      lost: (error) => log.warn({ err: error }, 'the connection to PostgreSQL is lost; it is opened again as soon as that works'),
      regained: () => log.info({}, 'the connection to PostgreSQL is there again'),
    },
  });
}

/**
 * Two coordinators on one store would both drive it.
 * @throws WombatError WO_IN_USE while another process works in the directory
 */
export function lockDirectory(directory: string): ProcessLock {
  return ProcessLock.acquire(path.join(directory, 'coordinator.lock'), {
    refuse: (pid) => new WombatError('WO_IN_USE', `process ${pid} works in ${directory} already`, { hint: `stop it (kill ${pid}), or give another --directory` }),
  });
}

function advertisedNames({ advertise }: Configuration): string[] {
  return [advertise.control, advertise.agents, advertise.http]
    .filter((address): address is NonNullable<typeof address> => address !== undefined)
    .map(({ host }) => host);
}
