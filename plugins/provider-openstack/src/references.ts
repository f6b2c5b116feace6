import { nearest, ProviderError } from '@wombat/plugin-sdk';
import { isNotFound } from './failures.js';
import type { Glance } from './glance.js';
import type { Firewall } from './firewall.js';
import type { Neutron } from './neutron.js';
import type { Nova } from './nova.js';
import { isUuid } from './uuid.js';

export interface ReferenceServices {
  readonly nova: Nova;
  readonly glance: Glance;
  readonly neutron: Neutron;
  readonly firewall: Pick<Firewall, 'idOf'>;
}

/** What hosts are given by name or id, as ids. Each is asked for once: made for one batch. */
export class References {
  readonly #services: ReferenceServices;
  readonly #signal: AbortSignal;
  readonly #known = new Map<string, Promise<string>>();

  constructor(services: ReferenceServices, signal: AbortSignal) {
    this.#services = services;
    this.#signal = signal;
  }

  async image(reference: string): Promise<string> {
    if (isUuid(reference)) return reference;
    return await this.#once(`image ${reference}`, async () => {
      const { items } = await this.#services.glance.imagesPage({ name: reference, limit: 2 }, this.#signal);
      return only(items.map(({ id }) => id), 'image', `image ${JSON.stringify(reference)}`);
    });
  }

  async flavor(reference: string): Promise<string> {
    return await this.#once(`flavor ${reference}`, async () => {
      const flavors = await this.#services.nova.flavors(this.#signal);
      const found = flavors.find(({ id }) => id === reference) ?? flavors.find(({ name }) => name === reference);
      if (found) return found.id;
      const meant = nearest(reference, flavors.map(({ name }) => name));
      throw ProviderError.invalid('hardwareProfile', `there is no flavor ${JSON.stringify(reference)}${meant === undefined ? '' : `; did you mean ${meant}?`}`);
    });
  }

  async network(reference: string): Promise<string> {
    return await this.#once(`network ${reference}`, async () => {
      const filter = isUuid(reference) ? { id: reference } : { name: reference };
      return only(await this.#services.neutron.networkIds(filter, this.#signal), 'networks', `network ${JSON.stringify(reference)}`);
    });
  }

  async securityGroup(group: string): Promise<string> {
    return await this.#once(`security group ${group}`, async () => await this.#services.firewall.idOf(group, this.#signal));
  }

  /** Checks that the project has the key pair. */
  async keyPair(name: string): Promise<string> {
    return await this.#once(`key pair ${name}`, async () => {
      try {
        await this.#services.nova.checkKeyPair(name, this.#signal);
      } catch (error) {
        throw isNotFound(error) ? ProviderError.invalid('keyPair', `the user has no key pair ${JSON.stringify(name)}`) : error;
      }
      return name;
    });
  }

  /** `field` is where it was given. */
  async zone(name: string, field: string): Promise<string> {
    return await this.#once(`zone ${name}`, async () => {
      const zones = await this.#services.nova.zones(this.#signal);
      if (zones.includes(name)) return name;
      throw ProviderError.invalid(field, `there is no zone ${JSON.stringify(name)}; there are ${zones.join(', ')}`);
    });
  }

  #once(what: string, ask: () => Promise<string>): Promise<string> {
    const asked = this.#known.get(what) ?? ask();
    this.#known.set(what, asked);
    return asked;
  }
}

function only(ids: readonly string[], field: string, what: string): string {
  if (ids.length === 1) return ids[0]!;
  throw ProviderError.invalid(field, ids.length === 0 ? `there is no ${what}` : `there are several of the name: ${what}; give its id`);
}
