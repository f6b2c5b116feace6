/**
 * Machines on Acme Cloud.
 *
 *   wo register-provider "Our Acme" <token> acme --set url=https://api.acme.example
 */
import {
  created, defineProvider, failed, FailureKind, hardwareProfile, image, machine, MachineState, ProviderError, tagNames, tagsOf, z,
  type CallContext, type CreateHostResult, type DestroyHostResult, type HardwareProfile, type HostServices, type HostSpec, type Image, type ListPage,
  type Machine, type ProviderInstance, type Region, type Zone,
} from '@wombat/plugin-sdk';

export const plugin = defineProvider({
  name: 'acme',
  version: '0.1.0',
  apiVersions: ['provider.v1'],
  summary: 'machines on Acme Cloud',
  settings: z.object({
    url: z.url().describe('address of the API'),
    token: z.secret().describe('token that may write servers'),
  }),
  credentials: ['token'],
  abilities: { maxInstallPayloadBytes: 16_384, listsAtOnce: true },
  connect: ({ settings, clusterId, host }) => new AcmeProvider(new AcmeApi(settings.url, settings.token), clusterId, host),
});

class AcmeProvider implements ProviderInstance {
  constructor(private readonly api: AcmeApi, private readonly clusterId: string, private readonly host: HostServices) {}

  async verify({ signal }: CallContext): Promise<{ identity: string; notes: [] }> {
    const { name } = await this.api.get<{ name: string }>('/account', signal);
    return { identity: `account ${name}`, notes: [] };
  }

  async listImages(_: ListPage, { signal }: CallContext): Promise<{ images: Image[]; nextPageToken: string }> {
    const found = await this.api.get<{ id: string; name: string }[]>('/images', signal);
    return { images: found.map(({ id, name }) => image(id, name)), nextPageToken: '' };
  }

  async listHardwareProfiles(_: ListPage, { signal }: CallContext): Promise<{ hardwareProfiles: HardwareProfile[]; nextPageToken: string }> {
    const sizes = await this.api.get<{ id: string; cores: number; memoryBytes: number }[]>('/sizes', signal);
    return { hardwareProfiles: sizes.map(({ id, cores, memoryBytes }) => hardwareProfile({ id, cpuCores: cores, memoryBytes, arch: 'x64' })), nextPageToken: '' };
  }

  async listRegions(): Promise<Region[]> {
    return [];
  }

  async listZones(): Promise<Zone[]> {
    return [];
  }

  /** A result for each, also when others fail. */
  async createHosts(specs: readonly HostSpec[], { signal }: CallContext): Promise<CreateHostResult[]> {
    return await Promise.all(specs.map(async (spec) => {
      try {
        return created(spec.key, await this.#create(spec, signal));
      } catch (error) {
        return failed(spec.key, error);
      }
    }));
  }

  async listHosts({ signal }: CallContext): Promise<Machine[]> {
    return (await this.api.withTag(tagNames.cluster, this.clusterId, signal)).map(toMachine);
  }

  async destroyHosts(machineIds: readonly string[], { signal }: CallContext): Promise<DestroyHostResult[]> {
    return await Promise.all(machineIds.map(async (machineId) => {
      try {
        await this.api.remove(machineId, signal);
        return { machineId, failure: undefined };
      } catch (error) {
        return { machineId, failure: ProviderError.from(error).toFailure() };
      }
    }));
  }

  /** The same key is the same machine, also when this program was killed after it had been made. */
  async #create(spec: HostSpec, signal: AbortSignal): Promise<Machine> {
    const [found] = await this.api.withTag(tagNames.key, spec.key, signal);
    if (found) return toMachine(found);
    const payload = await this.host.installPayload(spec.hostId);
    return toMachine(await this.api.post<Server>('/servers', {
      image: spec.image, size: spec.hardwareProfile, tags: tagsOf(spec, this.clusterId), userData: Buffer.from(payload).toString('base64'),
    }, signal));
  }
}

/** As the API tells it. */
interface Server {
  readonly id: string;
  readonly state: string;
  readonly address: string;
  readonly tags: Readonly<Record<string, string>>;
}

const states: Readonly<Record<string, MachineState>> = { starting: MachineState.CREATING, running: MachineState.RUNNING, stopped: MachineState.STOPPED };

function toMachine({ id, state, address, tags }: Server): Machine {
  return machine({ machineId: id, tags, state: states[state] ?? MachineState.FAILED, addresses: [address] });
}

/** The API, with its failures told as Wombat asks for: that is what it waits, retries and explains by. */
class AcmeApi {
  constructor(private readonly url: string, private readonly token: string) {}

  async get<T>(path: string, signal: AbortSignal): Promise<T> {
    return await (await this.#call('GET', path, signal)).json() as T;
  }

  async post<T>(path: string, body: unknown, signal: AbortSignal): Promise<T> {
    return await (await this.#call('POST', path, signal, body)).json() as T;
  }

  async withTag(name: string, value: string, signal: AbortSignal): Promise<Server[]> {
    return await this.get('/servers?' + new URLSearchParams({ tag: `${name}=${value}` }).toString(), signal);
  }

  /** What is not there is as good as removed. */
  async remove(id: string, signal: AbortSignal): Promise<void> {
    await this.#call('DELETE', `/servers/${encodeURIComponent(id)}`, signal).catch((error: unknown) => {
      if (!ProviderError.is(error) || error.kind !== FailureKind.NOT_FOUND) throw error;
    });
  }

  async #call(method: string, path: string, signal: AbortSignal, body?: unknown): Promise<Response> {
    const headers = { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' };
    const answer = await fetch(new URL(path, this.url), { method, headers, signal, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      .catch((error: Error) => { throw ProviderError.unavailable(`${this.url} cannot be reached`, error); });
    if (answer.ok) return answer;
    const text = (await answer.text()).slice(0, 200);
    switch (answer.status) {
      case 401: case 403: throw ProviderError.auth('the token is refused');
      case 404: throw ProviderError.notFound(text);
      case 409: case 422: throw ProviderError.invalid('', text);
      case 429: throw ProviderError.throttled('too many calls', (Number(answer.headers.get('retry-after')) || 1) * 1_000);
      default: throw ProviderError.unavailable(`the API answers ${answer.status}`);
    }
  }
}
