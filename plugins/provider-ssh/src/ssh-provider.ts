import {
  FailureKind, Limiter, note, ProviderError, tagNames,
  type CallContext, type Clock, type CreateHostResult, type DestroyHostResult, type HardwareProfile, type HostServices, type HostSpec, type Image, type ListPage,
  type Machine, type Note, type ProviderInstance, type Quota, type Region, type Zone,
} from '@wombat/plugin-sdk';
import { installedHardware, installedImage } from './as-it-is.js';
import { Connections } from './connections.js';
import { Creations } from './creations.js';
import { describeTarget, readInventory, type Target } from './inventory.js';
import { readMachineId, toMachine, unreachableMachine } from './machine-of.js';
import { Records } from './records.js';
import { RemoteMachines } from './remote-machine.js';
import type { SshSettings } from './settings.js';
import { Shell } from './shell.js';
import { Survey, type Seen } from './survey.js';

const releasesAtOnce = 16;
const notesTold = 20;

export interface SshProviderOptions {
  readonly settings: SshSettings;
  readonly clusterId: string;
  readonly dataDirectory: string;
  readonly host: HostServices;
  readonly clock: Clock;
}

/** Hosts on machines that are there already. */
export class SshProvider implements ProviderInstance {
  readonly #options: SshProviderOptions;
  readonly #records: Records;
  readonly #connections: Connections;
  readonly #machines: RemoteMachines;
  readonly #survey: Survey;
  readonly #creations: Creations;
  readonly #releases = new Limiter(releasesAtOnce);

  static async open(options: SshProviderOptions): Promise<SshProvider> {
    return new SshProvider(options, await Records.open(options.dataDirectory));
  }

  private constructor(options: SshProviderOptions, records: Records) {
    const { settings, clusterId, host, clock } = options;
    this.#options = options;
    this.#records = records;
    this.#connections = new Connections(settings);
    this.#machines = new RemoteMachines(new Shell(this.#connections, settings), settings, clusterId);
    this.#survey = new Survey(this.#machines, records, clusterId);
    this.#creations = new Creations({ machines: this.#machines, survey: this.#survey, records, inventory: async () => await this.#inventory(), clusterId, host, clock });
  }

  /** Looks at each machine: those that cannot be used are named. */
  async verify({ signal }: CallContext): Promise<{ readonly identity: string; readonly notes: readonly Note[] }> {
    const seen = await this.#look(signal);
    const errors = seen.flatMap(({ error }) => error ?? []);
    if (errors.length === seen.length) throw allFail(errors);
    const free = seen.filter(({ sight }) => sight?.kind === 'free').length;
    const notes = [
      ...errors.slice(0, notesTold).map(({ message }) => note.warning('machines', message)),
      ...(errors.length > notesTold ? [note.warning('machines', `and ${errors.length - notesTold} more`)] : []),
      ...seen.flatMap((each) => this.#occupied(each)).slice(0, notesTold),
    ];
    return { identity: `${seen.length} ${seen.length === 1 ? 'machine' : 'machines'}, ${free} free`, notes };
  }

  async listImages({ query }: ListPage): Promise<{ readonly images: readonly Image[]; readonly nextPageToken: string }> {
    return { images: installedImage.id.includes(query.toLowerCase()) ? [installedImage] : [], nextPageToken: '' };
  }

  async listHardwareProfiles({ query }: ListPage): Promise<{ readonly hardwareProfiles: readonly HardwareProfile[]; readonly nextPageToken: string }> {
    return { hardwareProfiles: installedHardware.id.includes(query.toLowerCase()) ? [installedHardware] : [], nextPageToken: '' };
  }

  async listRegions(): Promise<readonly Region[]> {
    return [...new Set((await this.#inventory()).map(({ region }) => region))].sort().map((id) => ({ id, name: id }));
  }

  async listZones(region: string): Promise<readonly Zone[]> {
    const zones = new Map((await this.#inventory()).filter((target) => target.zone !== '' && (region === '' || target.region === region))
      .map((target) => [`${target.region}/${target.zone}`, { id: target.zone, region: target.region }]));
    return [...zones.values()].sort((one, other) => one.id.localeCompare(other.id));
  }

  async createHosts(hosts: readonly HostSpec[], { signal }: CallContext): Promise<readonly CreateHostResult[]> {
    return await this.#creations.create(hosts, signal);
  }

  /**
   * A machine that cannot be asked is listed as it was known last, and as stopped.
   *
   * @throws ProviderError when there is one that nothing is known of: the list would not be whole
   */
  async listHosts({ signal }: CallContext): Promise<readonly Machine[]> {
    const seen = await this.#look(signal);
    const errors = seen.flatMap(({ error }) => error ?? []);
    if (errors.length === seen.length && errors.every(({ kind }) => kind === FailureKind.AUTH)) throw allFail(errors);
    return (await Promise.all(seen.map(async (each) => await this.#listed(each)))).flat();
  }

  async destroyHosts(machineIds: readonly string[], { signal }: CallContext): Promise<readonly DestroyHostResult[]> {
    const targets = await this.#inventory();
    return await Promise.all(machineIds.map(async (machineId) => {
      const release = await this.#releases.acquire();
      try {
        signal.throwIfAborted();
        await this.#destroy(machineId, targets, signal);
        return { machineId, failure: undefined };
      } catch (error) {
        return { machineId, failure: ProviderError.from(error).toFailure() };
      } finally {
        release();
      }
    }));
  }

  async getQuota(region: string, { signal }: CallContext): Promise<readonly Quota[]> {
    const seen = (await this.#look(signal)).filter(({ target }) => region === '' || target.region === region);
    return [{ name: 'hosts', limit: seen.length, used: seen.filter(({ sight }) => sight?.kind !== 'free').length }];
  }

  /** What the installation of the agent has said. */
  async getConsoleLog(machineId: string, { signal }: CallContext): Promise<Uint8Array> {
    const { name } = readMachineId(machineId);
    const target = (await this.#inventory()).find((each) => each.name === name);
    if (!target) throw ProviderError.notFound(`the inventory has no machine ${name}`);
    return await this.#machines.log(target, signal);
  }

  /** What is being installed goes on by itself. */
  async close(): Promise<void> {
    this.#connections.close();
  }

  async #inventory(): Promise<readonly Target[]> {
    const targets = await readInventory(this.#options.settings);
    await this.#records.keep(targets);
    return targets;
  }

  async #look(signal: AbortSignal): Promise<readonly Seen[]> {
    return await this.#survey.look(await this.#inventory(), signal);
  }

  async #listed({ target, sight, error }: Seen): Promise<readonly Machine[]> {
    const { clusterId } = this.#options;
    if (sight) return sight.kind === 'host' && sight.host.tags[tagNames.cluster] === clusterId ? [await toMachine(target, sight.host)] : [];
    const known = this.#records.get(target.name);
    if (!known) throw unknown(target, error);
    return known.host ? [await unreachableMachine(target, known.host)] : [];
  }

  /** A machine that has left the inventory counts as gone. */
  async #destroy(machineId: string, targets: readonly Target[], signal: AbortSignal): Promise<void> {
    const { name, hostId } = readMachineId(machineId);
    const renamed = this.#records.find((tags) => tags[tagNames.host] === hostId);
    const target = targets.find((each) => each.name === name) ?? targets.find((each) => each.name === renamed);
    if (!target) return;
    const sight = await this.#machines.release(target, hostId, signal);
    if (sight.kind === 'failed') throw ProviderError.unavailable(`${describeTarget(target)}: the agent could not be taken away: ${sight.log}`);
    if (this.#records.get(target.name)?.host?.tags[tagNames.host] === hostId) await this.#records.set(target.name, {});
  }

  #occupied({ target, sight }: Seen): Note[] {
    if (sight?.kind === 'foreign') return [note.warning('machines', `${describeTarget(target)}: an agent was installed on it by hand; it is left alone`)];
    if (sight?.kind !== 'host' || sight.host.tags[tagNames.cluster] === this.#options.clusterId) return [];
    return [note.info('machines', `${describeTarget(target)}: it belongs to another coordinator (${sight.host.tags[tagNames.cluster]})`)];
  }
}

/** What all machines fail with. */
function allFail(errors: readonly ProviderError[]): ProviderError {
  const [first] = errors as [ProviderError];
  const kind = errors.every((error) => error.kind === first.kind) ? first.kind : FailureKind.UNAVAILABLE;
  const { retryAfterMs } = first;
  const text = errors.length === 1 ? first.message : `none of ${errors.length} machines can be used: ${errors.slice(0, 3).map(({ message }) => message).join('; ')}`;
  return new ProviderError(kind, text, { cause: first, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}

/** Waiting helps where the machine asks for it; all else is for somebody to mend. */
function unknown(target: Target, error: ProviderError): ProviderError {
  const text = `what is on ${describeTarget(target)} is not known; mend it, or take it out of the inventory: ${error.message}`;
  return error.kind === FailureKind.THROTTLED ? ProviderError.throttled(text, error.retryAfterMs ?? 0, error) : ProviderError.unavailable(text, error);
}
