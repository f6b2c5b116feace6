import type { ContainerInfo } from 'dockerode';
import { Limiter, ProviderError, tagNames, type DestroyHostResult, type Machine } from '@wombat/plugin-sdk';
import { withoutFrames } from './console-log.js';
import type { Engine } from './engine.js';
import { isConflict, isNotFound } from './engine-error.js';
import { consoleLines, destructionsAtOnce } from './limits.js';
import { toMachine } from './machine-of.js';

/** The containers of one cluster: what does not carry its label is not there. */
export class Containers {
  readonly #engine: Engine;
  readonly #clusterId: string;
  readonly #destructions = new Limiter(destructionsAtOnce);

  constructor(engine: Engine, clusterId: string) {
    this.#engine = engine;
    this.#clusterId = clusterId;
  }

  async list(signal: AbortSignal): Promise<Machine[]> {
    return (await this.#find({}, signal)).map(toMachine);
  }

  async withKey(key: string, signal: AbortSignal): Promise<Machine | undefined> {
    const [found] = await this.#find({ label: [`${tagNames.key}=${key}`] }, signal);
    return found && toMachine(found);
  }

  async withId(machineId: string, signal: AbortSignal): Promise<Machine | undefined> {
    // The engine would take the beginning of an id, too.
    const found = (await this.#find({ id: [machineId] }, signal)).find(({ Id }) => Id === machineId);
    return found && toMachine(found);
  }

  async destroy(machineIds: readonly string[], signal: AbortSignal): Promise<DestroyHostResult[]> {
    return await Promise.all(machineIds.map(async (machineId) => {
      const release = await this.#destructions.acquire();
      try {
        if (await this.withId(machineId, signal)) await this.remove(machineId, signal);
        return { machineId, failure: undefined };
      } catch (error) {
        signal.throwIfAborted();
        return { machineId, failure: ProviderError.from(error).toFailure() };
      } finally {
        release();
      }
    }));
  }

  /** With the volumes that its image has made. That it is gone, or going, is what was asked for. */
  async remove(machineId: string, signal: AbortSignal): Promise<void> {
    await this.#engine.call(signal, async (docker) => await docker.getContainer(machineId).remove({ force: true, v: true, abortSignal: signal })).catch((error: unknown) => {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    });
  }

  /** The last that its first program wrote; the agent has a log of its own. */
  async consoleLog(machineId: string, signal: AbortSignal): Promise<Uint8Array> {
    if (!(await this.withId(machineId, signal))) throw ProviderError.notFound(`there is no container ${machineId} of this cluster`);
    const log: unknown = await this.#engine.call(signal, async (docker) => await docker.getContainer(machineId).logs({ stdout: true, stderr: true, tail: consoleLines, abortSignal: signal }));
    return Buffer.isBuffer(log) ? withoutFrames(log) : Buffer.alloc(0);
  }

  async #find(filters: { readonly label?: readonly string[]; readonly id?: readonly string[] }, signal: AbortSignal): Promise<ContainerInfo[]> {
    const label = [`${tagNames.cluster}=${this.#clusterId}`, ...(filters.label ?? [])];
    const id = filters.id ? { id: [...filters.id] } : {};
    return await this.#engine.call(signal, async (docker) => await docker.listContainers({ all: true, filters: { label, ...id }, abortSignal: signal }));
  }
}
