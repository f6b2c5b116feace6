import { created, failed, isId, KeyedLock, Limiter, MachineState, orAborted, ProviderError, type AgentPackage, type CreateHostResult, type HostServices, type HostSpec, type Machine } from '@wombat/plugin-sdk';
import { checked, placeOf } from './agent-package.js';
import { containerPlan } from './container-plan.js';
import type { Containers } from './containers.js';
import type { Engine } from './engine.js';
import { isConflict, isNotFound } from './engine-error.js';
import { hostFiles } from './host-files.js';
import type { Images } from './images.js';
import { creationsAtOnce, maximumPayloadBytes } from './limits.js';
import type { DockerSettings } from './settings.js';

export interface CreationsOptions {
  readonly engine: Engine;
  readonly settings: DockerSettings;
  readonly clusterId: string;
  readonly host: HostServices;
  readonly containers: Containers;
  readonly images: Images;
}

/**
 * Makes containers, one for each key, which is part of its name: created, filled with what installs the agent, started. One that
 * was created and never started, as its creation was interrupted, is filled and started when its key is asked for again.
 */
export class Creations {
  readonly #options: CreationsOptions;
  readonly #locks = new KeyedLock();
  readonly #creations = new Limiter(creationsAtOnce);

  constructor(options: CreationsOptions) {
    this.#options = options;
  }

  async create(specs: readonly HostSpec[], signal: AbortSignal): Promise<CreateHostResult[]> {
    return await Promise.all(specs.map(async (spec) => {
      try {
        checkSpec(spec);
        return created(spec.key, await orAborted(this.#locks.run(spec.key, async () => await this.#createOne(spec, signal)), signal));
      } catch (error) {
        return failed(spec.key, signal.aborted ? ProviderError.unavailable('the creation was called off', error) : error);
      }
    }));
  }

  async #createOne(spec: HostSpec, signal: AbortSignal): Promise<Machine> {
    const release = await this.#creations.acquire();
    try {
      signal.throwIfAborted();
      const found = await this.#find(spec, signal);
      if (found && found.state !== MachineState.CREATING) return found;
      const { host, containers, images } = this.#options;
      const arch = await images.require(spec.image, signal);
      // Before anything is made: it may be refused.
      const payload = await host.installPayload(spec.hostId);
      if (payload.length > maximumPayloadBytes) throw ProviderError.invalid('installPayload', `the install payload has ${payload.length} bytes, at most ${maximumPayloadBytes} are taken`);
      const id = found?.machineId ?? (await this.#make(spec, signal));
      await this.#fillAndStart(id, payload, arch, spec, signal);
      const machine = await containers.withId(id, signal);
      if (!machine) throw ProviderError.unavailable('the container was removed while it was started');
      return machine;
    } finally {
      release();
    }
  }

  async #find({ key, hostId }: HostSpec, signal: AbortSignal): Promise<Machine | undefined> {
    const found = await this.#options.containers.withKey(key, signal);
    if (found && found.hostId !== hostId) throw ProviderError.invalid('key', `the key ${key} belongs to another host, ${found.hostId || 'which has no id'}`);
    if (found?.state === MachineState.DESTROYING) throw ProviderError.unavailable('the container of this key is being removed');
    return found;
  }

  async #make(spec: HostSpec, signal: AbortSignal): Promise<string> {
    const { engine, settings, clusterId } = this.#options;
    const plan = containerPlan(spec, settings, clusterId);
    try {
      return (await engine.call(signal, async (docker) => await docker.createContainer({ ...plan, abortSignal: signal }))).id;
    } catch (error) {
      // An earlier request whose answer was lost is still at work on it, or has done it meanwhile.
      if (isConflict(error)) throw ProviderError.unavailable(`a container ${plan.name} was made at the same time`, error);
      throw error;
    }
  }

  /** What cannot be started is not left behind. */
  async #fillAndStart(id: string, payload: Uint8Array, arch: string, { image }: HostSpec, signal: AbortSignal): Promise<void> {
    const { engine, containers, host } = this.#options;
    const agent = await host.agentPackage(arch);
    try {
      await this.#requireShell(id, image, signal);
      await this.#put(id, await hostFiles(payload, agent && placeOf(agent)), '/', signal);
      if (agent) await this.#putPackage(id, agent, signal);
      await engine.call(signal, async (docker) => await docker.getContainer(id).start({ abortSignal: signal }).catch(unlessStarted));
    } catch (error) {
      if (!signal.aborted) {
        await containers.remove(id, signal).catch((reason: unknown) => host.log.warn('a container that did not start could not be removed', { machineId: id, reason: ProviderError.from(reason).message }));
      }
      throw error;
    } finally {
      agent?.content.destroy();
    }
  }

  /** So that the image needs nothing to fetch and unpack it with. */
  async #putPackage(id: string, agent: AgentPackage, signal: AbortSignal): Promise<void> {
    const bytes = checked(agent);
    // The library ends the request with this error, and tells a broken connection.
    let damage: unknown;
    bytes.once('error', (error) => (damage = error));
    await this.#put(id, bytes, placeOf(agent), signal).catch((error: unknown) => {
      throw damage ?? error;
    });
  }

  async #put(id: string, archive: Buffer | NodeJS.ReadableStream, path: string, signal: AbortSignal): Promise<void> {
    await this.#options.engine.call(signal, async (docker) => await docker.getContainer(id).putArchive(archive, { path, abortSignal: signal }));
  }

  /** Without one, the container would come up and end again, and only its console would tell. */
  async #requireShell(id: string, image: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.engine.call(signal, async (docker) => await docker.getContainer(id).infoArchive({ path: '/bin/sh', abortSignal: signal }));
    } catch (error) {
      if (isNotFound(error)) throw ProviderError.invalid('image', `the image ${image} has no /bin/sh: hosts need a shell, and a libc`, error);
      throw error;
    }
  }
}

function checkSpec({ key, hostId, region, zone }: HostSpec): void {
  if (!/^[a-z0-9-]{1,60}$/.test(key)) throw ProviderError.invalid('key', 'a key is 1-60 characters of a-z, 0-9 and dash');
  if (!isId(hostId, 'host')) throw ProviderError.invalid('hostId', 'this is no id of a host');
  if (region !== '') throw ProviderError.invalid('region', 'an engine has no regions');
  if (zone !== '') throw ProviderError.invalid('zone', 'an engine has no zones');
}

/** dockerode takes "it runs already" for a failure. */
function unlessStarted(error: unknown): void {
  if ((error as { readonly statusCode?: number }).statusCode !== 304) throw error;
}
