import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { systemClock, type JsonObject, type ProviderInstance } from '@wombat/plugin-sdk';
import { parseJson } from '../json.js';
import type { Answer, AskedFor, CloudFacts, Exchange, Recording } from './exchange.js';
import { providerUnderTest } from './provider-under-test.js';
import { recordedPassword } from './recorded-stage.js';
import { memberSettings, type Role, type Stage } from './stage.js';

/** Where a real cloud is, and who may do what in it. */
export interface LiveCloud {
  /** Address of Keystone, without its version. */
  readonly identity: string;
  readonly passwords: Readonly<Record<Role, string>>;
}

interface Login {
  readonly token: string;
  readonly userId: string;
  /** Address of each service: "compute" -> "http://127.0.0.1:8774". */
  readonly services: Readonly<Record<string, string>>;
}

interface LoginAnswer {
  readonly token: { readonly user: { readonly id: string }; readonly catalog: readonly { readonly type: string; readonly endpoints: readonly { readonly url: string }[] }[] };
}

/** A real cloud behind a relay that writes down what passes, and loses answers when it is told to. */
export class LiveStage implements Stage {
  readonly facts: CloudFacts;
  readonly #cloud: LiveCloud;
  readonly #logins: Readonly<Record<Role, Login>>;
  readonly #server: Server;
  readonly #exchanges: Exchange[] = [];
  readonly #tokens = new Map<string, string>();
  readonly #toLose: string[] = [];
  /** While it is set, this is what the driver is answered, and nothing reaches the cloud. */
  refusal: Answer | undefined;
  #lastToken = '';

  private constructor(cloud: LiveCloud, logins: Readonly<Record<Role, Login>>) {
    this.#cloud = cloud;
    this.#logins = logins;
    this.facts = { userId: logins.member.userId };
    this.#server = createServer((request, response) => void this.#relay(request, response).catch((error: unknown) => response.destroy(error as Error)));
  }

  static async open(cloud: LiveCloud): Promise<LiveStage> {
    const logins = { admin: await login(cloud, 'admin', 'admin'), member: await login(cloud, 'member', 'demo') };
    const stage = new LiveStage(cloud, logins);
    await new Promise<void>((resolve) => stage.#server.listen(0, '127.0.0.1', resolve));
    return stage;
  }

  get settings(): JsonObject {
    return { ...memberSettings, authUrl: `${this.#base}/identity`, password: this.#cloud.passwords.member };
  }

  get recording(): Recording {
    return { facts: this.facts, exchanges: this.#exchanges };
  }

  connect(settings: JsonObject = this.settings): ProviderInstance {
    return providerUnderTest(settings, systemClock);
  }

  async ask(role: Role, method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await this.#forward(method, path, { 'x-auth-token': this.#logins[role].token, 'openstack-api-version': 'compute 2.52' }, body);
    this.#write({ as: role, method, path, ...(body === undefined ? {} : { body }) }, answer);
    return answer;
  }

  loseAnswer(method: string, path: string): void {
    this.#toLose.push(`${method} ${path}`);
  }

  async revokeToken(): Promise<void> {
    const { status } = await this.#forward('DELETE', '/identity/v3/auth/tokens', { 'x-auth-token': this.#logins.admin.token, 'x-subject-token': this.#lastToken });
    if (status !== 204) throw new Error(`revoking a token: ${status}`);
  }

  /** Of all servers of the project, tagged or not. */
  async serverIds(): Promise<readonly string[]> {
    const ids: string[] = [];
    for (let page: readonly { id: string }[] | undefined; page === undefined || page.length > 0; ids.push(...page.map(({ id }) => id))) {
      const marker = ids.length === 0 ? '' : `?marker=${ids.at(-1)}`;
      page = ((await this.ask('member', 'GET', `/compute/v2.1/servers${marker}`)).body as { servers: { id: string }[] }).servers;
    }
    return ids;
  }

  sleep(ms: number): Promise<void> {
    return systemClock.sleep(ms);
  }

  async close(): Promise<readonly string[]> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    return this.#toLose.map((what) => `not asked for: ${what}`);
  }

  get #base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #relay(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.refusal) return void response.writeHead(this.refusal.status).end(JSON.stringify(this.refusal.body));
    const [method, path] = [request.method!, request.url!];
    const body = parseJson(await text(request));
    const { 'openstack-api-version': microversion, 'x-auth-token': token } = request.headers;
    if (typeof token === 'string') this.#lastToken = token;
    const headers = { ...(typeof microversion === 'string' ? { 'openstack-api-version': microversion } : {}), ...(typeof token === 'string' ? { 'x-auth-token': token } : {}) };
    const answer = await this.#forward(method, path, headers, body);
    const asked: AskedFor = {
      as: 'driver', method, path,
      ...(typeof microversion === 'string' ? { microversion } : {}),
      ...(typeof token === 'string' ? { token: this.#nameOf(token) } : {}),
      ...(body === undefined ? {} : { body }),
    };
    const lost = this.#toLose.indexOf(`${method} ${path}`);
    if (lost !== -1) {
      this.#toLose.splice(lost, 1);
      this.#write(asked, 'lost');
      return void request.socket.destroy();
    }
    this.#write(asked, answer.token === undefined ? answer : { ...answer, token: this.#nameOf(answer.token) });
    response.writeHead(answer.status, answer.token === undefined ? {} : { 'x-subject-token': answer.token });
    response.end(answer.body === undefined ? '' : JSON.stringify(answer.body));
  }

  /** Addresses of the cloud become the relay's, so that all of the driver's requests pass here. */
  async #forward(method: string, path: string, headers: Readonly<Record<string, string>>, body?: unknown): Promise<Answer> {
    const [, service = '', rest = ''] = /^\/([a-z]+)(.*)$/.exec(path) ?? [];
    const { services } = this.#logins.member;
    const answer = await fetch(`${services[service]}${rest}`, {
      method, redirect: 'manual',
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const said = Object.entries(services).reduce((all, [name, address]) => all.replaceAll(address, `${this.#base}/${name}`), await answer.text());
    const token = answer.headers.get('x-subject-token');
    return { status: answer.status, ...(token === null ? {} : { token }), ...(said === '' ? {} : { body: parseJson(said) ?? said }) };
  }

  /** Without secrets, and without addresses. */
  #write(request: AskedFor, answer: Answer | 'lost'): void {
    const told = JSON.stringify({ request, answer })
      .replaceAll(this.#base, '{{base}}')
      .replaceAll(JSON.stringify(this.#cloud.passwords.member), JSON.stringify(recordedPassword))
      .replace(/"adminPass":"[^"]*"/g, '"adminPass":"recorded"');
    this.#exchanges.push(JSON.parse(told) as Exchange);
  }

  #nameOf(token: string): string {
    const name = this.#tokens.get(token) ?? `token-${this.#tokens.size + 1}`;
    this.#tokens.set(token, name);
    return name;
  }
}

/** `user` and `project` bear the same name. */
async function login({ identity, passwords }: LiveCloud, role: Role, user: string): Promise<Login> {
  const domain = { name: 'Default' };
  const auth = {
    identity: { methods: ['password'], password: { user: { name: user, domain, password: passwords[role] } } },
    scope: { project: { name: user, domain } },
  };
  const answer = await fetch(`${identity}/v3/auth/tokens`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ auth }) });
  if (answer.status !== 201) throw new Error(`logging in as ${user}: ${answer.status}`);
  const { token } = (await answer.json()) as LoginAnswer;
  const services = Object.fromEntries(token.catalog.map(({ type, endpoints }) => [type, new URL(endpoints[0]!.url).origin]));
  return { token: answer.headers.get('x-subject-token')!, userId: token.user.id, services };
}
