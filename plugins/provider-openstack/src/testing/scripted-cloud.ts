import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';

export interface ScriptedRequest {
  readonly method: string;
  readonly path: string;
  readonly token: string | undefined;
  readonly body: string;
}

export interface ScriptedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

type Script = (request: ScriptedRequest, base: string) => ScriptedAnswer | 'hang';

/** Answers what a test says: for what a real cloud does too seldom to be recorded. `hang` never answers. */
export class ScriptedCloud {
  readonly requests: ScriptedRequest[] = [];
  readonly #server: Server;
  readonly #script: Script;

  private constructor(script: Script) {
    this.#script = script;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async open(t: Test, script: Script): Promise<ScriptedCloud> {
    const cloud = new ScriptedCloud(script);
    await new Promise<void>((resolve) => cloud.#server.listen(0, '127.0.0.1', resolve));
    t.teardown(async () => await cloud.close());
    return cloud;
  }

  get base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = { method: request.method!, path: request.url!, token: request.headers['x-auth-token']?.toString(), body: await text(request) };
    this.requests.push(asked);
    const answer = this.#script(asked, this.base);
    if (answer === 'hang') return;
    response.writeHead(answer.status, answer.headers);
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {}));
  }
}

/** What Keystone answers to a login, with all services at one address. */
export function loginAnswer(base: string, token: string, lifeMs = 3_600_000): ScriptedAnswer {
  const endpoint = (path: string): unknown => ({ interface: 'public', region_id: 'One', url: `${base}${path}` });
  const services = { compute: '/compute/v2.1', image: '/image', network: '/network' };
  return {
    status: 201,
    headers: { 'x-subject-token': token },
    body: {
      token: {
        issued_at: new Date(0).toISOString(), expires_at: new Date(lifeMs).toISOString(),
        user: { name: 'u' }, project: { name: 'p', id: 'p1' }, roles: [{ name: 'reader' }],
        catalog: Object.entries(services).map(([type, path]) => ({ type, endpoints: [endpoint(path)] })),
      },
    },
  };
}

export const versionAnswer: ScriptedAnswer = { status: 200, body: { version: { version: '2.93', min_version: '2.1' } } };
