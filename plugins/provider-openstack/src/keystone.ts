import { orAborted, ProviderError, z, type Clock } from '@wombat/plugin-sdk';
import { failureOf } from './failures.js';
import { send } from './http.js';
import { parseJson } from './json.js';
import { catalogSchema, ServiceCatalog, versioned } from './service-catalog.js';
import { secretsOf, type Settings } from './settings.js';

/** A token is renewed this long before its end, or after four fifths of a shorter life. */
const renewBeforeMs = 5 * 60_000;
/** A login is shared by all who wait for it, so none of their deadlines can be its. */
const loginTimeoutMs = 30_000;

const named = z.object({ name: z.string().max(1_024) });
const tokenSchema = z.object({
  token: z.object({
    issued_at: z.iso.datetime({ offset: true }),
    expires_at: z.iso.datetime({ offset: true }),
    user: named,
    project: named.extend({ id: z.string().max(64) }),
    roles: z.array(named).max(1_000),
    catalog: catalogSchema,
  }),
});

export interface Token {
  readonly value: string;
  readonly user: string;
  readonly project: string;
  readonly projectId: string;
  readonly roles: readonly string[];
  readonly services: ServiceCatalog;
  /** By the monotonic clock. */
  readonly renewAtMs: number;
}

/** Logs in when it is first asked for a token, and again when that one ends or is refused. */
export class KeystoneSession {
  readonly #settings: Settings;
  readonly #clock: Clock;
  #token: Token | undefined;
  #login: Promise<Token> | undefined;

  constructor(settings: Settings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** @throws ProviderError auth, invalid or unavailable */
  async token(signal: AbortSignal): Promise<Token> {
    signal.throwIfAborted();
    if (this.#token && this.#token.renewAtMs > this.#clock.monotonic()) return this.#token;
    this.#login ??= this.#logIn().finally(() => (this.#login = undefined));
    return await orAborted(this.#login, signal);
  }

  /** A service does not take it any more. */
  refused(token: Token): void {
    if (this.#token === token) this.#token = undefined;
  }

  async #logIn(): Promise<Token> {
    const settings = this.#settings;
    const answer = await send({
      service: 'keystone',
      method: 'POST',
      url: new URL(`${versioned(settings.authUrl, 'v3').href}/auth/tokens`),
      body: { auth: loginOf(settings) },
      timeoutMs: loginTimeoutMs,
    });
    if (answer.status === 401) throw ProviderError.auth('keystone refuses the credentials');
    if (answer.status === 404 || (answer.status >= 300 && answer.status < 400)) throw noKeystone();
    if (answer.status >= 400) throw failureOf(answer, { service: 'keystone', secrets: secretsOf(settings) });
    this.#token = this.#read(answer.headers.get('x-subject-token'), answer.text);
    return this.#token;
  }

  #read(value: string | null, text: string): Token {
    const read = tokenSchema.safeParse(parseJson(text));
    if (!read.success || !value || value.length > 16_384) throw noKeystone();
    const { issued_at, expires_at, user, project, roles, catalog } = read.data.token;
    // The difference of Keystone's own times: its clock may be off.
    const lifeMs = Date.parse(expires_at) - Date.parse(issued_at);
    return {
      value,
      user: user.name,
      project: project.name,
      projectId: project.id,
      roles: roles.map(({ name }) => name),
      services: new ServiceCatalog(catalog, this.#settings.interface, this.#settings.region),
      renewAtMs: this.#clock.monotonic() + lifeMs - Math.min(renewBeforeMs, lifeMs / 5),
    };
  }
}

function loginOf(settings: Settings): unknown {
  const { applicationCredentialId, applicationCredentialSecret, userName, userDomainName, password, projectName, projectDomainName } = settings;
  if (applicationCredentialId !== undefined) {
    return { identity: { methods: ['application_credential'], application_credential: { id: applicationCredentialId, secret: applicationCredentialSecret } } };
  }
  return {
    identity: { methods: ['password'], password: { user: { name: userName, domain: { name: userDomainName }, password } } },
    scope: { project: { name: projectName, domain: { name: projectDomainName } } },
  };
}

function noKeystone(): ProviderError {
  return ProviderError.invalid('authUrl', 'what answers there is no Keystone of version 3');
}
