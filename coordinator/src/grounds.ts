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
import { Catalog } from './plugins/catalog.js';
import type { Store } from './store/store.js';
import { openSqliteStore } from './store/sqlite/open.js';

/** What must be read or made before any part can be built: files, keys, the store, the plugins. */
export interface Grounds {
  /** Released last. */
  readonly lock: ProcessLock;
  /** The one that was named, wherever it lies. */
  readonly configurationFile: string | undefined;
  readonly clock: SteadyClock;
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
    const catalog = await Catalog.load(configuration.plugins, directory);
    store = await openSqliteStore({ file: path.join(directory, 'store', 'wombat.db'), clock });
    const clusterId = await ensureClusterId(store);
    const authority = await CertificateAuthority.load({ directory, clusterId, clock, hostLifetimeMs: configuration.certificates.lifetimeMs });
    const certificate = await ServerCertificate.issue({ authority, clock, log, advertisedNames: advertisedNames(configuration) });
    return { lock, configurationFile, clock, store, clusterId, secrets: await SecretBox.load(directory, store), authority, certificate, catalog };
  } catch (error) {
    await store?.close();
    lock.release();
    throw error;
  }
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
