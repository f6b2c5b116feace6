import { Limiter, ProviderError, type z } from '@wombat/plugin-sdk';
import { failureOf } from './failures.js';
import { send, type HttpAnswer, type HttpRequest } from './http.js';
import { parseJson } from './json.js';
import type { KeystoneSession, Token } from './keystone.js';
import type { ServiceType } from './service-catalog.js';

/** Requests of one provider that may be under way, to all services together. */
const requestsAtOnce = 8;

export interface Cloud {
  readonly session: KeystoneSession;
  /** Those of the settings. */
  readonly secrets: readonly string[];
  readonly slots: Limiter;
}

export function cloudOf(session: KeystoneSession, secrets: readonly string[]): Cloud {
  return { session, secrets, slots: new Limiter(requestsAtOnce) };
}

export interface ServiceOptions {
  readonly name: string;
  readonly type: ServiceType;
  /** As it stands in the address: "v2.1". */
  readonly version: string;
}

export interface Call {
  readonly method?: HttpRequest['method'];
  /** Its parts must be safe: ids that were checked, or escaped. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal: AbortSignal;
  /** What the body holds that must be in no message. */
  readonly secrets?: readonly string[];
  /** Names the field that a refusal is about. */
  readonly fieldOf?: (message: string) => string;
}

/** One service of the cloud, called with the session's token; with a fresh one, once, when it is refused. */
export class Service {
  readonly #cloud: Cloud;
  readonly #options: ServiceOptions;

  constructor(cloud: Cloud, options: ServiceOptions) {
    this.#cloud = cloud;
    this.#options = options;
  }

  /** @throws ProviderError for every answer that is none of success, and for one that is not what the schema says */
  async get<Schema extends z.ZodType>(schema: Schema, call: Call): Promise<z.output<Schema>> {
    const { text } = await this.request(call);
    const read = schema.safeParse(parseJson(text));
    if (read.success) return read.data;
    throw ProviderError.unavailable(`${this.#options.name} answers what is none of its answers (at ${read.error.issues[0]?.path.join('.') || 'the top'})`);
  }

  /** @throws ProviderError for every answer that is none of success */
  async request(call: Call): Promise<HttpAnswer> {
    const { session } = this.#cloud;
    const token = await session.token(call.signal);
    const first = await this.#send(call, token);
    if (first.status !== 401) return this.#successOf(first, call, token);
    session.refused(token);
    const renewed = await session.token(call.signal);
    return this.#successOf(await this.#send(call, renewed), call, renewed);
  }

  async #send({ method = 'GET', path, query = {}, headers, body, signal }: Call, token: Token): Promise<HttpAnswer> {
    const { name, type, version } = this.#options;
    const url = new URL(`${token.services.endpoint(type, version).href}${path}`);
    for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, String(value));
    const release = await this.#cloud.slots.acquire();
    try {
      signal.throwIfAborted();
      return await send({ service: name, method, url, headers: { ...headers, 'x-auth-token': token.value }, body, signal });
    } finally {
      release();
    }
  }

  #successOf(answer: HttpAnswer, { secrets = [], fieldOf }: Call, token: Token): HttpAnswer {
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw failureOf(answer, { service: this.#options.name, secrets: [...this.#cloud.secrets, ...secrets, token.value], fieldOf });
  }
}
