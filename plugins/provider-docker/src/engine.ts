import Docker from 'dockerode';
import { orAborted } from '@wombat/plugin-sdk';
import { toProviderError } from './engine-error.js';
import { silenceMs } from './limits.js';
import type { DockerSettings } from './settings.js';

/** The engine that the settings name; what it refuses is thrown in the words of Wombat. */
export class Engine {
  /** "the engine at /var/run/docker.sock", for messages. */
  readonly place: string;
  readonly #docker: Docker;

  constructor(settings: DockerSettings) {
    const { socketPath, host } = settings;
    this.place = `the engine at ${host === undefined ? socketPath : `${host}:${portOf(settings)}`}`;
    this.#docker = new Docker(connectionOf(settings));
  }

  /** @throws ProviderError; the signal's reason when it has fired */
  async call<T>(signal: AbortSignal, work: (docker: Docker) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      return await orAborted(work(this.#docker), signal);
    } catch (error) {
      signal.throwIfAborted();
      throw toProviderError(error, this.place);
    }
  }
}

/** Each named, so that nothing is taken from DOCKER_HOST and its like. */
function connectionOf(settings: DockerSettings): Docker.DockerOptions {
  const { socketPath, host, ca, cert, key } = settings;
  if (host === undefined) return { ...nowhere, socketPath, protocol: 'http', timeout: silenceMs };
  const isTls = ca !== undefined && cert !== undefined && key !== undefined;
  return { ...nowhere, host, port: portOf(settings), protocol: isTls ? 'https' : 'http', timeout: silenceMs, ...(isTls ? { ca, cert, key } : {}) };
}

// dockerode fills in from the environment what is not named.
const nowhere = { host: undefined, port: undefined, socketPath: undefined, ca: undefined, cert: undefined, key: undefined };

function portOf({ port, ca }: DockerSettings): number {
  return port ?? (ca === undefined ? 2375 : 2376);
}
