import { nearest, ProviderError, z } from '@wombat/plugin-sdk';

const text = z.string().max(2_048);

/** What Keystone says of the cloud's services; what is not needed is not looked at. */
export const catalogSchema = z.array(z.object({
  type: text,
  endpoints: z.array(z.object({ interface: text, region_id: text.nullish(), region: text.nullish(), url: text })).max(1_000),
})).max(1_000);

export type ServiceType = 'compute' | 'image' | 'network';

/** Where the services of one region are. */
export class ServiceCatalog {
  readonly region: string;
  readonly #catalog: z.output<typeof catalogSchema>;
  readonly #interface: string;

  /** @throws ProviderError invalid when the region is not there, or not clear */
  constructor(catalog: z.output<typeof catalogSchema>, interfaceName: string, region: string | undefined) {
    this.#catalog = catalog;
    this.#interface = interfaceName;
    this.region = chooseRegion(regionsOf(catalog), region);
  }

  /** @throws ProviderError invalid when the cloud has no such service here */
  endpoint(type: ServiceType, version: string): URL {
    const endpoints = this.#catalog.filter((service) => service.type === type).flatMap((service) => service.endpoints);
    const found = endpoints.find((endpoint) => endpoint.interface === this.#interface && regionOf(endpoint) === this.region);
    if (!found) throw ProviderError.invalid('interface', `the region ${this.region} has no ${this.#interface} endpoint of type ${type}`);
    return versioned(found.url, version);
  }
}

/** The address under which a version of an API is: endpoints are registered with and without it. */
export function versioned(address: string, version: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw ProviderError.unavailable('the service catalog holds an address that is none');
  const segments = url.pathname.split('/').filter((segment) => segment !== '');
  const at = segments.indexOf(version);
  // Behind the version there may be the id of the project, as clouds once wanted it.
  url.pathname = `/${(at === -1 ? [...segments, version] : segments).join('/')}`;
  url.search = '';
  return url;
}

type Endpoint = z.output<typeof catalogSchema>[number]['endpoints'][number];

function regionOf(endpoint: Endpoint): string {
  return endpoint.region_id ?? endpoint.region ?? '';
}

function regionsOf(catalog: z.output<typeof catalogSchema>): readonly string[] {
  const compute = catalog.filter(({ type }) => type === 'compute');
  return [...new Set(compute.flatMap(({ endpoints }) => endpoints.map(regionOf)))].sort();
}

function chooseRegion(regions: readonly string[], wanted: string | undefined): string {
  if (regions.length === 0) throw ProviderError.auth('keystone names no compute service for this project: has the user a role in it?');
  if (wanted === undefined && regions.length === 1) return regions[0]!;
  if (wanted !== undefined && regions.includes(wanted)) return wanted;
  const meant = wanted === undefined ? undefined : nearest(wanted, regions);
  const hint = meant === undefined ? `there are ${regions.join(', ')}` : `did you mean ${meant}?`;
  throw ProviderError.invalid('region', wanted === undefined ? `name the region: ${hint}` : `there is no region ${wanted}; ${hint}`);
}
