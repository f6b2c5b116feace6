import { createInterface } from 'node:readline';
import { attribute, image, orAborted, ProviderError, type Image } from '@wombat/plugin-sdk';
import { archOf } from './arch.js';
import type { Engine } from './engine.js';
import { isNotFound } from './engine-error.js';
import type { DockerSettings } from './settings.js';

/** It becomes a part of a path: nothing in it may lead elsewhere. */
const reference = /^(?!.*\.\.)[a-z0-9][\w./:@-]{0,255}$/i;

/** The images of the engine, by each name that they have. */
export class Images {
  readonly #engine: Engine;
  readonly #settings: DockerSettings;
  readonly #pulls = new Map<string, Promise<void>>();

  constructor(engine: Engine, settings: DockerSettings) {
    this.#engine = engine;
    this.#settings = settings;
  }

  async list(query: string, signal: AbortSignal): Promise<Image[]> {
    const all = await this.#engine.call(signal, async (docker) => await docker.listImages({ abortSignal: signal }));
    const named = all.flatMap(({ Id, RepoTags, RepoDigests, Created }) => (RepoTags ?? []).filter((name) => !name.includes('<none>')).map((name) => {
      const digests = (RepoDigests ?? []).filter((digest) => !digest.includes('<none>'));
      return image(name, name, [
        attribute('docker.image-id', Id), attribute('image.created', new Date(Created * 1_000).toISOString()), ...(digests.length > 0 ? [attribute('docker.digests', digests)] : []),
      ]);
    }));
    return named.filter(({ name }) => name.includes(query)).sort((one, other) => one.name.localeCompare(other.name));
  }

  /**
   * Answers the architecture of an image that the engine has; one that it has not is pulled, where the settings say so.
   *
   * @throws ProviderError invalid(image)
   */
  async require(name: string, signal: AbortSignal): Promise<string> {
    if (!reference.test(name)) throw ProviderError.invalid('image', 'the name of an image is needed, like debian:12 or registry.example.org/team/base@sha256:...');
    try {
      return await this.#inspect(name, signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      if (this.#settings.pull === 'never') throw ProviderError.invalid('image', `${this.#engine.place} has no image ${name}: pull it there, or register the provider with pull=missing`, error);
    }
    await this.#pull(name, signal);
    return await this.#inspect(name, signal);
  }

  async #inspect(name: string, signal: AbortSignal): Promise<string> {
    const { Os, Architecture } = await this.#engine.call(signal, async (docker) => await docker.getImage(name).inspect());
    if (Os !== 'linux') throw ProviderError.invalid('image', `the image ${name} is for ${Os}, and the agent for linux`);
    return archOf(Architecture);
  }

  /** One pull for all that wait for it. It goes on when they give up: the next who asks finds more of it done. */
  async #pull(name: string, signal: AbortSignal): Promise<void> {
    const pull = this.#pulls.get(name) ?? this.#pullNow(name).finally(() => this.#pulls.delete(name));
    this.#pulls.set(name, pull);
    await orAborted(pull, signal);
  }

  async #pullNow(name: string): Promise<void> {
    const signal = new AbortController().signal;
    const tag = /[:@][^/]+$/.test(name) ? {} : { tag: 'latest' };
    await this.#engine.call(signal, async (docker) => await pulled(await docker.createImage({ fromImage: name, ...tag })));
  }
}

/** Reads what the engine tells of a pull, a line of JSON each; what goes wrong later than at its beginning is said there alone. */
async function pulled(progress: NodeJS.ReadableStream): Promise<void> {
  for await (const line of createInterface({ input: progress })) {
    const [, message] = /"error":("(?:[^"\\]|\\.)*")/.exec(line) ?? [];
    if (message !== undefined) throw Object.assign(new Error(message), { statusCode: 500, json: { message: JSON.parse(message) as string } });
  }
}
