import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { instanceIdsIn, withoutInstances } from './reservations.js';

/** One call of EC2's API on its way to the cloud. */
export interface RelayedCall {
  readonly action: string;
  readonly parameters: URLSearchParams;
  /** How many of this action there were before it. */
  readonly before: number;
}

export type Fault =
  /** The cloud is not asked. */
  | { readonly kind: 'refuse'; readonly status: number; readonly code: string; readonly message?: string; readonly headers?: Readonly<Record<string, string>> }
  /** The cloud has done it, but the connection breaks before it can say so. */
  | { readonly kind: 'lose-answer' }
  /** The cloud has done it, and says so when this resolves. */
  | { readonly kind: 'hold-answer'; readonly until: Promise<unknown> };

/** Stands in front of an EC2 server and does to its calls what real clouds do on bad days. */
export class FaultRelay {
  readonly calls: RelayedCall[] = [];
  /** What goes wrong with a call; asked for each. */
  fault: (call: RelayedCall) => Fault | undefined = () => undefined;
  /** Instances that there may be at once. */
  quota = Infinity;
  /** New instances are not listed, and not known by their id, before `show()`. */
  hidesNew = false;
  readonly #target: string;
  readonly #server: Server;
  readonly #living = new Set<string>();
  readonly #hidden = new Set<string>();
  /** Launches that have been let through and not been answered count against the quota too. */
  #launching = 0;

  static async start(t: Test, target: string): Promise<FaultRelay> {
    const relay = new FaultRelay(target);
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => {
      relay.#server.close();
      relay.#server.closeAllConnections();
    });
    return relay;
  }

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer((request, response) => {
      this.#relay(request, response).catch(() => response.destroy());
    });
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Those that were called so. */
  called(action: string): RelayedCall[] {
    return this.calls.filter((call) => call.action === action);
  }

  /** What was hidden is there for everybody. */
  show(): void {
    this.#hidden.clear();
  }

  async #relay(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(request);
    const parameters = new URLSearchParams(body);
    const action = parameters.get('Action') ?? '';
    const call = { action, parameters, before: this.called(action).length };
    this.calls.push(call);
    const fault = this.fault(call) ?? this.#ownRefusal(call);
    if (fault?.kind === 'refuse') return refuse(response, fault);
    const { status, text } = await this.#forward(request, call, body);
    if (fault?.kind === 'hold-answer') await fault.until;
    if (fault?.kind === 'lose-answer') response.destroy();
    else response.writeHead(status, { 'content-type': 'text/xml' }).end(action === 'DescribeInstances' ? withoutInstances(text, this.#hidden) : text);
  }

  #ownRefusal({ action, parameters }: RelayedCall): Fault | undefined {
    if (action === 'RunInstances' && this.#living.size + this.#launching >= this.quota) {
      return { kind: 'refuse', status: 400, code: 'VcpuLimitExceeded', message: 'You have requested more vCPU capacity than your current vCPU limit allows.' };
    }
    const unknown = [...parameters.entries()].find(([name, value]) => /^InstanceId(\.\d+)?$/.test(name) && this.#hidden.has(value))?.[1];
    if (unknown === undefined) return undefined;
    return { kind: 'refuse', status: 400, code: 'InvalidInstanceID.NotFound', message: `The instance ID '${unknown}' does not exist` };
  }

  async #forward(request: IncomingMessage, { action, parameters }: RelayedCall, body: string): Promise<{ status: number; text: string }> {
    const launches = action === 'RunInstances' ? 1 : 0;
    this.#launching += launches;
    try {
      const headers = Object.fromEntries(['authorization', 'content-type', 'x-amz-date'].flatMap((name) => (typeof request.headers[name] === 'string' ? [[name, request.headers[name]]] : [])));
      const answer = await fetch(`${this.#target}${request.url ?? '/'}`, { method: 'POST', headers, body });
      const text = await answer.text();
      if (answer.ok && launches > 0) for (const id of instanceIdsIn(text)) this.#made(id);
      if (answer.ok && action === 'TerminateInstances') for (const [name, id] of parameters) if (name.startsWith('InstanceId.')) this.#living.delete(id);
      return { status: answer.status, text };
    } finally {
      this.#launching -= launches;
    }
  }

  #made(id: string): void {
    this.#living.add(id);
    if (this.hidesNew) this.#hidden.add(id);
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function refuse(response: ServerResponse, { status, code, message = 'refused by the test', headers = {} }: Fault & { readonly kind: 'refuse' }): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>test</RequestID></Response>`;
  response.writeHead(status, { 'content-type': 'text/xml', ...headers }).end(body);
}
