import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { systemClock, type Clock, type JsonObject, type ProviderInstance } from '@wombat/plugin-sdk';
import type { Answer, AskedFor, CloudFacts, Exchange, Recording } from './exchange.js';
import { providerUnderTest } from './provider-under-test.js';
import { readRecording } from './recordings.js';
import { memberSettings, type Role, type Stage } from './stage.js';

export const recordedPassword = 'recorded-password';

/** Nothing is waited for: what was recorded has happened. */
const quickClock: Clock = { ...systemClock, sleep: (_ms, signal) => new Promise((resolve) => setImmediate(() => (signal?.throwIfAborted(), resolve()))) };

/** Serves what a real cloud has answered, to the requests that it was asked then, each once; all else is refused and told. */
export class RecordedStage implements Stage {
  readonly facts: CloudFacts;
  readonly #server: Server;
  readonly #left: Exchange[];
  readonly #faults: string[] = [];

  private constructor({ facts, exchanges }: Recording) {
    this.facts = facts;
    this.#left = [...exchanges];
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async open(name: string): Promise<RecordedStage> {
    const stage = new RecordedStage(readRecording(name));
    await new Promise<void>((resolve) => stage.#server.listen(0, '127.0.0.1', resolve));
    return stage;
  }

  get settings(): JsonObject {
    return { ...memberSettings, authUrl: `${this.#base}/identity`, password: recordedPassword };
  }

  connect(settings: JsonObject = this.settings): ProviderInstance {
    return providerUnderTest(settings, quickClock);
  }

  async ask(role: Role, method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = this.#take({ as: role, method, path, ...(body === undefined ? {} : { body }) });
    if (answer === undefined || answer === 'lost') throw new Error(`${method} ${path} was not recorded`);
    return answer;
  }

  /** The record knows. */
  loseAnswer(): void {}

  async revokeToken(): Promise<void> {}

  async sleep(): Promise<void> {}

  async close(): Promise<readonly string[]> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    return [...this.#faults, ...this.#left.map(({ request }) => `not asked for: ${describe(request)}`)];
  }

  get #base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const microversion = request.headers['openstack-api-version'];
    const token = request.headers['x-auth-token'];
    const answer = this.#take({
      as: 'driver',
      method: request.method!,
      path: request.url!,
      ...(typeof microversion === 'string' ? { microversion } : {}),
      ...(typeof token === 'string' ? { token } : {}),
      ...(body === '' ? {} : { body: JSON.parse(body) as unknown }),
    });
    if (answer === 'lost') return void request.socket.destroy();
    if (!answer) return void response.writeHead(599).end();
    response.writeHead(answer.status, answer.token === undefined ? {} : { 'x-subject-token': answer.token });
    response.end(answer.body === undefined ? '' : JSON.stringify(answer.body).replaceAll('{{base}}', this.#base));
  }

  #take(asked: AskedFor): Answer | 'lost' | undefined {
    const wanted = describe(asked);
    const index = this.#left.findIndex(({ request }) => describe(request) === wanted);
    if (index !== -1) return this.#left.splice(index, 1)[0]!.answer;
    this.#faults.push(`not recorded: ${wanted}`);
    return undefined;
  }
}

function describe({ as, method, path, microversion, token, body }: AskedFor): string {
  return [as, method, path, microversion ?? '-', token ?? '-', JSON.stringify(body) ?? ''].join(' ');
}
