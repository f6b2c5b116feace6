import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

interface FakeServer {
  readonly id: string;
  readonly state: string;
  readonly address: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** As much of the API of Acme Cloud as the provider uses, for its test. */
export class FakeAcme {
  readonly token = 'token-of-the-fake';
  isThrottling = false;
  readonly #servers = new Map<string, FakeServer>();
  readonly #http = createServer((request, response) => void this.#answer(request, response));

  async listen(port = 0): Promise<string> {
    this.#http.listen(port, '127.0.0.1');
    await once(this.#http, 'listening');
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#http.close();
    this.#http.closeAllConnections();
  }

  ids(): string[] {
    return [...this.#servers.keys()];
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, 'http://fake');
    const say = (status: number, body: unknown, headers = {}): void => void response.writeHead(status, headers).end(JSON.stringify(body));
    if (request.headers.authorization !== `Bearer ${this.token}`) return say(401, 'who are you?');
    if (this.isThrottling) return say(429, 'slow down', { 'retry-after': '2' });
    const id = decodeURIComponent(pathname.split('/')[2] ?? '');
    switch (`${request.method} /${pathname.split('/')[1]}`) {
      case 'GET /account': return say(200, { name: 'fake' });
      case 'GET /images': return say(200, [{ id: 'debian-12', name: 'Debian 12' }]);
      case 'GET /sizes': return say(200, [{ id: 'small', cores: 1, memoryBytes: 2 ** 30 }]);
      case 'GET /servers': return say(200, this.#withTag(searchParams.get('tag') ?? ''));
      case 'POST /servers': return say(201, this.#make(await json(request) as Pick<FakeServer, 'tags'>));
      case 'DELETE /servers': return this.#servers.delete(id) ? say(200, {}) : say(404, 'there is no such server');
      default: return say(404, 'there is no such path');
    }
  }

  #withTag(tag: string): FakeServer[] {
    return [...this.#servers.values()].filter(({ tags }) => Object.entries(tags).some(([name, value]) => `${name}=${value}` === tag));
  }

  #make({ tags }: Pick<FakeServer, 'tags'>): FakeServer {
    const number = this.#servers.size + 1;
    const made = { id: `srv-${Math.random().toString(16).slice(2, 10)}`, state: 'running', address: `10.0.0.${number}`, tags };
    this.#servers.set(made.id, made);
    return made;
  }
}
