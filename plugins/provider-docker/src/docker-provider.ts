import {
  hardwareProfile, note, ProviderError,
  type CallContext, type CreateHostResult, type DestroyHostResult, type HardwareProfile, type HostServices, type HostSpec, type Image, type ListPage, type Machine, type Note,
  type ProviderInstance, type Region, type Zone,
} from '@wombat/plugin-sdk';
import { archOf } from './arch.js';
import { Containers } from './containers.js';
import { Creations } from './creations.js';
import { Engine } from './engine.js';
import { isNotFound } from './engine-error.js';
import { Images } from './images.js';
import type { DockerSettings } from './settings.js';

export interface DockerProviderOptions {
  readonly settings: DockerSettings;
  readonly clusterId: string;
  readonly host: HostServices;
}

/** The part of what an engine tells of itself that is needed. */
interface EngineInfo {
  readonly Name: string;
  readonly OSType: string;
  readonly Architecture: string;
  readonly ServerVersion: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly MemoryLimit: boolean;
  readonly Images: number;
}

/** Hosts of one engine. */
export class DockerProvider implements ProviderInstance {
  readonly #settings: DockerSettings;
  readonly #engine: Engine;
  readonly #containers: Containers;
  readonly #images: Images;
  readonly #creations: Creations;

  constructor({ settings, clusterId, host }: DockerProviderOptions) {
    this.#settings = settings;
    this.#engine = new Engine(settings);
    this.#containers = new Containers(this.#engine, clusterId);
    this.#images = new Images(this.#engine, settings);
    this.#creations = new Creations({ engine: this.#engine, settings, clusterId, host, containers: this.#containers, images: this.#images });
  }

  async verify({ signal }: CallContext): Promise<{ readonly identity: string; readonly notes: readonly Note[] }> {
    const info = await this.#info(signal);
    if (info.OSType !== 'linux') throw ProviderError.invalid('host', `the engine runs containers of ${info.OSType}, and the agent needs linux`);
    const { host, ca, pull } = this.#settings;
    const notes = [
      ...(host !== undefined && ca === undefined ? [note.warning('host', 'without TLS whoever reaches this port is root there, and join tokens go to it in the clear')] : []),
      ...(info.MemoryLimit ? [] : [note.warning('hardwareProfiles', 'this engine cannot limit memory')]),
      ...(info.Images === 0 && pull === 'never' ? [note.warning('pull', 'the engine has no image, and none is pulled')] : []),
      ...(await this.#notesOfNetwork(signal)),
    ];
    return { identity: `Docker Engine ${info.ServerVersion} on ${info.Name}, ${info.Architecture}, ${info.NCPU} cores, ${Math.round(info.MemTotal / 1e9)} GB`, notes };
  }

  async listImages({ query, pageSize, pageToken }: ListPage, { signal }: CallContext): Promise<{ readonly images: readonly Image[]; readonly nextPageToken: string }> {
    const all = await this.#images.list(query, signal);
    const from = Number(pageToken) || 0;
    const end = pageSize === 0 ? all.length : from + pageSize;
    return { images: all.slice(from, end), nextPageToken: all.length > end ? String(end) : '' };
  }

  /** Those that the engine has room for when it does nothing else. */
  async listHardwareProfiles(_: ListPage, { signal }: CallContext): Promise<{ readonly hardwareProfiles: readonly HardwareProfile[]; readonly nextPageToken: string }> {
    const { NCPU, MemTotal, Architecture } = await this.#info(signal);
    const all = Object.entries(this.#settings.hardwareProfiles).map(([id, { cpus, memoryMb }]) => ({ id, cpus, memoryBytes: memoryMb * 1024 ** 2 }));
    const fitting = all.filter(({ cpus, memoryBytes }) => cpus <= NCPU && memoryBytes <= MemTotal);
    return { hardwareProfiles: fitting.map(({ id, cpus, memoryBytes }) => hardwareProfile({ id, cpuCores: Math.ceil(cpus), memoryBytes, arch: archOf(Architecture) })), nextPageToken: '' };
  }

  async listRegions(): Promise<readonly Region[]> {
    return [];
  }

  async listZones(): Promise<readonly Zone[]> {
    return [];
  }

  async createHosts(hosts: readonly HostSpec[], { signal }: CallContext): Promise<readonly CreateHostResult[]> {
    return await this.#creations.create(hosts, signal);
  }

  async listHosts({ signal }: CallContext): Promise<readonly Machine[]> {
    return await this.#containers.list(signal);
  }

  async destroyHosts(machineIds: readonly string[], { signal }: CallContext): Promise<readonly DestroyHostResult[]> {
    return await this.#containers.destroy(machineIds, signal);
  }

  async getConsoleLog(machineId: string, { signal }: CallContext): Promise<Uint8Array> {
    return await this.#containers.consoleLog(machineId, signal);
  }

  async #info(signal: AbortSignal): Promise<EngineInfo> {
    return await this.#engine.call(signal, async (docker) => (await docker.info()) as EngineInfo);
  }

  async #notesOfNetwork(signal: AbortSignal): Promise<Note[]> {
    const { network } = this.#settings;
    try {
      const { Options } = await this.#engine.call(signal, async (docker) => (await docker.getNetwork(network).inspect()) as { readonly Options?: Readonly<Record<string, string>> | null });
      const isClosed = Options?.['com.docker.network.bridge.enable_icc'] === 'false';
      return isClosed ? [note.warning('network', `containers do not reach each other on ${network}: nodes form no cluster there`)] : [];
    } catch (error) {
      if (isNotFound(error)) throw ProviderError.invalid('network', `${this.#engine.place} has no network ${network}`, error);
      throw error;
    }
  }
}
