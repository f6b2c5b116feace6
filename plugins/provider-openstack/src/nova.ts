import { z } from '@wombat/plugin-sdk';
import { microversionOf } from './microversion.js';
import { allPages, type Page } from './pages.js';
import { Service, type Call, type Cloud } from './service.js';
import { uuid } from './uuid.js';

const pageSize = 200;
/** Lines of a console that are asked for: the end tells most. */
const consoleLines = 10_000;

const text = z.string().max(4_096);
const amount = z.number().int();
const links = z.array(z.object({ rel: text })).max(16).optional();

const serverSchema = z.object({
  id: uuid,
  status: text,
  created: z.iso.datetime({ offset: true }).optional(),
  metadata: z.record(z.string().max(255), text).default({}),
  addresses: z.record(z.string().max(255), z.array(z.object({ 'addr': z.union([z.ipv4(), z.ipv6()]), 'OS-EXT-IPS:type': text.optional() })).max(256)).default({}),
  // Policies of the cloud may hide it.
  'OS-EXT-STS:task_state': text.nullish(),
  'fault': z.object({ message: z.string().default('') }).optional(),
});
const flavorSchema = z.object({ id: z.string().min(1).max(255), name: text, vcpus: amount, ram: amount, disk: amount });
const serversPage = z.object({ servers: z.array(serverSchema).max(1_000), servers_links: links });
const flavorsPage = z.object({ flavors: z.array(flavorSchema).max(1_000), flavors_links: links });
const versionDocument = z.object({ version: z.object({ version: text, min_version: text }) });
const zonesSchema = z.object({ availabilityZoneInfo: z.array(z.object({ zoneName: text, zoneState: z.object({ available: z.boolean() }) })).max(1_000) });
const limitsSchema = z.object({
  limits: z.object({
    absolute: z.object({
      maxTotalInstances: amount, totalInstancesUsed: amount, maxTotalCores: amount, totalCoresUsed: amount, maxTotalRAMSize: amount, totalRAMUsed: amount,
    }),
  }),
});

export type Server = z.output<typeof serverSchema>;
export type Flavor = z.output<typeof flavorSchema>;
export type Limits = z.output<typeof limitsSchema>['limits']['absolute'];

/** The body of a creation, as Nova names its fields. */
export interface NewServer {
  readonly name: string;
  readonly imageRef: string;
  readonly flavorRef: string;
  readonly networks: 'auto' | readonly { readonly uuid: string }[];
  readonly user_data: string;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly config_drive: boolean;
  readonly security_groups?: readonly { readonly name: string }[];
  readonly availability_zone?: string;
  readonly key_name?: string;
}

/** Compute: servers, flavors, zones, limits. */
export class Nova {
  readonly #service: Service;
  #microversion: string | undefined;

  constructor(cloud: Cloud) {
    this.#service = new Service(cloud, { name: 'nova', type: 'compute', version: 'v2.1' });
  }

  /** All servers that bear all of the tags. */
  async servers(tags: readonly string[], signal: AbortSignal): Promise<readonly Server[]> {
    return await allPages(async (marker) => {
      const page = await this.#get(serversPage, { path: '/servers/detail', query: { tags: tags.join(','), limit: pageSize, marker }, signal });
      return { items: page.servers, hasMore: hasNext(page.servers_links) };
    });
  }

  /** Here and below ids must be such: they become part of an address. */
  async server(id: string, signal: AbortSignal): Promise<Server> {
    return (await this.#get(z.object({ server: serverSchema }), { path: `/servers/${id}`, signal })).server;
  }

  /** Answers the id of the server, which is being made from now on. */
  async createServer(server: NewServer, signal: AbortSignal): Promise<string> {
    // Nova quotes what it refuses, and the user-data holds a join token.
    const call: Call = { method: 'POST', path: '/servers', body: { server }, signal, secrets: [server.user_data], fieldOf };
    return (await this.#get(z.object({ server: z.object({ id: uuid }) }), call)).server.id;
  }

  /** @throws ProviderError not_found when it is gone */
  async deleteServer(id: string, signal: AbortSignal): Promise<void> {
    await this.#service.request(await this.#versioned({ method: 'DELETE', path: `/servers/${id}`, signal }));
  }

  async consoleLog(id: string, signal: AbortSignal): Promise<string> {
    const body = { 'os-getConsoleOutput': { length: consoleLines } };
    return (await this.#get(z.object({ output: z.string().nullish() }), { method: 'POST', path: `/servers/${id}/action`, body, signal })).output ?? '';
  }

  async flavorsPage(limit: number, marker: string | undefined, signal: AbortSignal): Promise<Page<Flavor>> {
    const page = await this.#get(flavorsPage, { path: '/flavors/detail', query: { limit, marker }, signal });
    return { items: page.flavors, hasMore: hasNext(page.flavors_links) };
  }

  async flavors(signal: AbortSignal): Promise<readonly Flavor[]> {
    return await allPages((marker) => this.flavorsPage(pageSize, marker, signal));
  }

  /** Names of the zones that are up. */
  async zones(signal: AbortSignal): Promise<readonly string[]> {
    const { availabilityZoneInfo } = await this.#get(zonesSchema, { path: '/os-availability-zone', signal });
    return availabilityZoneInfo.filter(({ zoneState }) => zoneState.available).map(({ zoneName }) => zoneName);
  }

  async limits(signal: AbortSignal): Promise<Limits> {
    return (await this.#get(limitsSchema, { path: '/limits', signal })).limits.absolute;
  }

  /** @throws ProviderError not_found when there is none of that name */
  async checkKeyPair(name: string, signal: AbortSignal): Promise<void> {
    await this.#service.request(await this.#versioned({ path: `/os-keypairs/${encodeURIComponent(name)}`, signal }));
  }

  async #get<Schema extends z.ZodType>(schema: Schema, call: Call): Promise<z.output<Schema>> {
    return await this.#service.get(schema, await this.#versioned(call));
  }

  async #versioned(call: Call): Promise<Call> {
    return { ...call, headers: { 'openstack-api-version': `compute ${await this.#negotiated(call.signal)}` } };
  }

  async #negotiated(signal: AbortSignal): Promise<string> {
    if (this.#microversion === undefined) {
      const { version } = await this.#service.get(versionDocument, { path: '/', signal });
      this.#microversion = microversionOf(version.min_version, version.version);
    }
    return this.#microversion;
  }
}

function hasNext(given: z.output<typeof links>): boolean {
  return given?.some(({ rel }) => rel === 'next') ?? false;
}

/** Of a refused creation. The first that fits counts: "Flavor's disk is too small for requested image" is about the flavor. */
const fields: readonly (readonly [RegExp, string])[] = [
  [/user_?data/i, 'installPayload'],
  [/flavor/i, 'hardwareProfile'],
  [/image/i, 'image'],
  [/availability.?zone/i, 'zone'],
  [/security.?group/i, 'firewallGroup'],
  [/key_?(name|pair)/i, 'keyPair'],
  [/network|subnet|port/i, 'networks'],
  [/metadata/i, 'metadata'],
];

function fieldOf(message: string): string {
  return fields.find(([pattern]) => pattern.test(message))?.[1] ?? '';
}
