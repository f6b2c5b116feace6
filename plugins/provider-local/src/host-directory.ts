import { join } from 'node:path';

/** Where things of a provider and of its hosts lie. */
export class LocalPaths {
  readonly #dataDirectory: string;

  constructor(dataDirectory: string) {
    this.#dataDirectory = dataDirectory;
  }

  /** The directory of a host's agent; all that the host has lies in it. */
  host(hostId: string): string {
    return join(this.#dataDirectory, 'hosts', hostId);
  }

  /** There until the agent has joined: the agent removes it. */
  joinToken(hostId: string): string {
    return join(this.host(hostId), 'join-token');
  }

  agentLog(hostId: string): string {
    return join(this.host(hostId), 'agent.log');
  }

  /** What the agent writes past its log: crashes. */
  agentOutput(hostId: string): string {
    return join(this.host(hostId), 'agent.out');
  }

  /** One epmd for all hosts of the provider. */
  get epmd(): string {
    return join(this.#dataDirectory, 'epmd');
  }
}
