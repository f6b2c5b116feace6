import { wombatVersion, type Clock } from '@wombat/proto';
import type { Finding } from '@wombat/proto/control';
import type { Fleet } from '../fleet/fleet.js';
import type { StorePlace } from '../store/place.js';
import type { Store } from '../store/store.js';
import { certificateFindings, diskFinding, failpointFindings, loopFinding, openFilesFinding, permissionsFinding, storeFinding } from './coordinator-checks.js';
import { fail, pass } from './finding.js';
import { familyFindings, healingFindings, silenceFindings } from './fleet-checks.js';
import { hostFindings } from './host-checks.js';
import { installFindings, type Installs } from './install-checks.js';

export interface DiagnosisOptions {
  /** Of the coordinator. */
  readonly directory: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly certificate: () => { readonly notAfter: number };
  readonly authority: { readonly notAfter: number };
  readonly plugins: () => readonly string[];
  readonly installs: Installs;
  readonly place: Pick<StorePlace, 'check' | 'description'>;
}

/** Looks at the parts of the coordinator and at what is known of each host. */
export class Diagnosis {
  constructor(private readonly options: DiagnosisOptions) {}

  async findings(): Promise<Finding[]> {
    const { directory, clock, place, plugins } = this.options;
    return [
      pass('coordinator', 'version', `coordinator ${wombatVersion}, Node ${process.versions.node}`),
      storeFinding(place.description, await place.check()),
      await diskFinding(directory),
      await permissionsFinding(directory),
      ...certificateFindings(clock.now(), this.options.certificate(), this.options.authority),
      openFilesFinding(),
      ...failpointFindings(),
      await loopFinding(),
      pass('coordinator', 'plugins', `loaded: ${plugins().join(', ')}`),
      ...(await this.providers()),
      ...(await this.hosts()),
      ...(await familyFindings(this.options.store.read)),
    ];
  }

  private async providers(): Promise<Finding[]> {
    const all = await this.options.store.read.providers.find({});
    const findings = all.map(({ name, driver, lastError }) => {
      if (!lastError) return pass('coordinator', 'provider', `${name} (${driver})`);
      const { message, hint, code } = lastError;
      return fail('coordinator', 'provider', { message: `${name}: ${message}`, hint, code });
    });
    return [...findings, ...(await installFindings(all.map(({ driver }) => driver), this.options.installs))];
  }

  private async hosts(): Promise<Finding[]> {
    const { store, fleet } = this.options;
    const hosts = (await store.read.hosts.find({})).filter(({ phase }) => phase !== 'gone');
    const states = hosts.map((host) => ({ host, isConnected: fleet.isConnected(host.id), sample: fleet.sample(host.id), clockSkewMs: fleet.clockSkewMs(host.id) }));
    return [...silenceFindings(hosts), ...(await healingFindings(store.read, hosts)), ...states.flatMap(hostFindings)];
  }
}
