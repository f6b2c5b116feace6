import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import {
  created, defineProvider, failed, hardwareProfile, image, machine, ProviderError, systemClock, tagNames, tagsOf, z,
  type CallContext, type CreateHostResult, type DestroyHostResult, type FirewallRule, type HostServices, type HostSpec, type Machine, type ProviderPlugin,
} from '@wombat/plugin-sdk';
import { DirectoryCloud, type CloudMachine } from './directory-cloud.js';

/** Of a creation. */
const usualMs = 50;
export const refusedPassword = 'refused-password';

/** A provider that keeps every promise but the one that is named after a check: then it breaks that one, in the way of a common mistake. */
export function referenceProvider(broken: string): ProviderPlugin {
  const isBroken = (check: string): boolean => check === broken;
  const plugin = defineProvider({
    name: 'reference',
    version: '1.0.0',
    apiVersions: ['provider.v1'],
    summary: 'machines are files of a directory',
    settings: z.object({ cloud: z.string(), password: z.secret(), size: z.number().optional(), zones: z.array(z.string()).optional() }),
    abilities: { firewall: true, quota: true, prices: isBroken('abilities'), maxInstallPayloadBytes: 16_384, listsAtOnce: true },
    connect({ settings, clusterId, host }) {
      if (isBroken('secrets')) process.stderr.write(`connects with ${settings.password}\n`);
      return new ReferenceProvider(new DirectoryCloud(settings.cloud), settings.password, clusterId, host, isBroken);
    },
  });
  const { description } = plugin;
  const leak: Buffer[] = [];
  return {
    ...plugin,
    description: isBroken('handshake') ? { ...description, version: '' } : description,
    validate(settings) {
      if (isBroken('memory')) leak.push(Buffer.alloc(512 * 1024, 1));
      const answer = plugin.validate(settings);
      return isBroken('validate') ? { ...answer, notes: [] } : answer;
    },
  };
}

class ReferenceProvider {
  readonly #cloud: DirectoryCloud;
  readonly #password: string;
  readonly #clusterId: string;
  readonly #host: HostServices;
  readonly #isBroken: (check: string) => boolean;
  /** What only a broken one goes by: it is forgotten when the program ends. */
  readonly #made = new Map<string, CloudMachine>();
  readonly #destroyed = new Set<string>();
  #underWay = 0;

  constructor(cloud: DirectoryCloud, password: string, clusterId: string, host: HostServices, isBroken: (check: string) => boolean) {
    this.#cloud = cloud;
    this.#password = password;
    this.#clusterId = clusterId;
    this.#host = host;
    this.#isBroken = isBroken;
  }

  async verify(): Promise<{ identity: string; notes: [] }> {
    this.#reach();
    return { identity: 'everybody', notes: [] };
  }

  async listImages(): Promise<{ images: [ReturnType<typeof image>]; nextPageToken: string }> {
    return { images: [image('empty', 'Empty')], nextPageToken: '' };
  }

  async listHardwareProfiles(): Promise<{ hardwareProfiles: [ReturnType<typeof hardwareProfile>]; nextPageToken: string }> {
    return { hardwareProfiles: [hardwareProfile({ id: 'small' })], nextPageToken: '' };
  }

  async listRegions(): Promise<[]> {
    return [];
  }

  async listZones(): Promise<[]> {
    return [];
  }

  async createHosts(specs: readonly HostSpec[], { signal }: CallContext): Promise<readonly CreateHostResult[]> {
    return await Promise.all(specs.map(async (spec) => {
      this.#underWay += 1;
      try {
        return created(spec.key, this.#toMachine(await this.#create(spec, signal)));
      } catch (error) {
        return failed(spec.key, error);
      } finally {
        this.#underWay -= 1;
      }
    }));
  }

  async listHosts(): Promise<readonly Machine[]> {
    this.#reach();
    const all = this.#cloud.machines().map((each) => this.#toMachine(each));
    if (this.#isBroken('list-only-tagged')) return all;
    const ours = all.filter(({ tags }) => tags[tagNames.cluster] === this.#clusterId);
    return this.#isBroken('restart') ? ours.filter(({ key }) => this.#made.has(key)) : ours;
  }

  async destroyHosts(machineIds: readonly string[]): Promise<readonly DestroyHostResult[]> {
    this.#reach();
    const known = new Set([...this.#destroyed, ...this.#cloud.machines().map(({ id }) => id)]);
    return machineIds.map((machineId) => {
      const isRefused = (this.#isBroken('destroy-twice') && this.#destroyed.has(machineId)) || (this.#isBroken('destroy-unknown') && !known.has(machineId));
      this.#cloud.remove(machineId);
      this.#destroyed.add(machineId);
      return { machineId, failure: isRefused ? ProviderError.notFound('there is no such machine').toFailure() : undefined };
    });
  }

  async ensureFirewall(group: string, rules: readonly FirewallRule[]): Promise<readonly FirewallRule[]> {
    const texts = new Set(rules.map((rule) => JSON.stringify(rule)));
    const found = this.#cloud.rules(group);
    this.#cloud.setRules(group, rules);
    return this.#isBroken('firewall') ? found : found.filter((rule) => !texts.has(JSON.stringify(rule)));
  }

  async getQuota(): Promise<[]> {
    return [];
  }

  async close(): Promise<void> {
    if (this.#isBroken('graceful-stop')) process.exit(3);
  }

  async #create(spec: HostSpec, signal: AbortSignal): Promise<CloudMachine> {
    this.#reach();
    const found = this.#find(spec);
    if (found) {
      this.#made.set(spec.key, found);
      return found;
    }
    await this.#host.installPayload(spec.hostId).catch((error: unknown) => {
      if (!this.#isBroken('install-payload')) throw error;
    });
    // Counted when it begins: two that begin at once are one.
    const crowded = this.#underWay > 10 ? 'crowd' : undefined;
    await this.#sleep(spec, signal);
    if (this.#isBroken('own-directories')) writeFileSync('state.json', '{}');
    const id = this.#isBroken('concurrent-creates') ? (crowded ?? newMachineId()) : newMachineId();
    const made = this.#cloud.make({ id, tags: tagsOf(spec, this.#clusterId) });
    this.#made.set(spec.key, made);
    return made;
  }

  #find({ key }: HostSpec): CloudMachine | undefined {
    if (this.#isBroken('create-interrupted')) return this.#made.get(key);
    if (this.#isBroken('same-key-once') && this.#made.has(key)) return undefined;
    return this.#cloud.machines().find(({ tags }) => tags[tagNames.key] === key && tags[tagNames.cluster] === this.#clusterId);
  }

  async #sleep(spec: HostSpec, signal: AbortSignal): Promise<void> {
    await systemClock.sleep(usualMs, signal).catch((error: unknown) => {
      if (this.#isBroken('abort')) this.#cloud.make({ id: newMachineId(), tags: {} });
      throw error;
    });
    if (spec.key === '') throw ProviderError.invalid('key', 'a key is needed');
  }

  /** As every call of a cloud begins. */
  #reach(): void {
    if (this.#password === refusedPassword) throw this.#isBroken('auth-failure') ? ProviderError.unavailable('the answer was 401') : ProviderError.auth('the password is refused');
    if (this.#cloud.isThrottling) throw this.#isBroken('throttling') ? ProviderError.unavailable('the answer was 429') : ProviderError.throttled('too many calls', 1_000);
  }

  #toMachine({ id, tags }: CloudMachine): Machine {
    const { [this.#isBroken('round-trip') ? 'wombat-check' : '']: _dropped, ...shown } = tags;
    return machine({ machineId: id, tags: shown });
  }
}

function newMachineId(): string {
  return `m-${randomBytes(8).toString('hex')}`;
}
