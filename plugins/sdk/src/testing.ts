import type { AgentCommand, AgentPackage, HostServices } from './host-services.js';
import type { ProviderInstance, ProviderPlugin } from './provider.js';
import type { JsonObject } from './settings.js';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface MetricReading {
  readonly name: string;
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface FakeHostOptions {
  /** @default a payload of `#!/bin/sh` that names the host */
  readonly installPayload?: (hostId: string) => Uint8Array;
  /** @default `/bin/false`, so that a driver that starts agents must be given one */
  readonly agentCommand?: (hostId: string) => AgentCommand;
  /** @default there is none */
  readonly agentPackage?: (arch: string) => AgentPackage | undefined;
}

/** Host services that remember what the plugin made of them. */
export class FakeHost implements HostServices {
  readonly lines: LogLine[] = [];
  readonly metrics: MetricReading[] = [];
  /** Hosts that an install payload or an agent command was asked for. */
  readonly askedFor: string[] = [];
  readonly log = {
    debug: this.#writer('debug'),
    info: this.#writer('info'),
    warn: this.#writer('warn'),
    error: this.#writer('error'),
  };
  readonly #options: FakeHostOptions;

  constructor(options: FakeHostOptions = {}) {
    this.#options = options;
  }

  metric(name: string, value: number, labels: Readonly<Record<string, string>> = {}): void {
    this.metrics.push({ name, value, labels });
  }

  async installPayload(hostId: string): Promise<Uint8Array> {
    this.askedFor.push(hostId);
    return this.#options.installPayload?.(hostId) ?? new TextEncoder().encode(`#!/bin/sh\n# ${hostId}\n`);
  }

  async agentCommand(hostId: string): Promise<AgentCommand> {
    this.askedFor.push(hostId);
    return this.#options.agentCommand?.(hostId) ?? { argv: ['/bin/false'], environment: {}, joinToken: `token-of-${hostId}` };
  }

  async agentPackage(arch: string): Promise<AgentPackage | undefined> {
    return this.#options.agentPackage?.(arch);
  }

  #writer(level: LogLine['level']) {
    return (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      this.lines.push({ level, message, fields });
    };
  }
}

export interface ConnectForTestOptions extends FakeHostOptions {
  readonly settings?: JsonObject;
  /** A directory that the test removes. Needed by drivers that keep something. */
  readonly dataDirectory?: string;
  /** @default "prv-testtesttest" */
  readonly providerId?: string;
  /** @default "testcluster" */
  readonly clusterId?: string;
}

/** Connects a provider plugin to a fake host, as the coordinator would. */
export async function connectForTest(
  plugin: ProviderPlugin,
  options: ConnectForTestOptions = {},
): Promise<{ readonly instance: ProviderInstance; readonly host: FakeHost }> {
  const host = new FakeHost(options);
  const instance = await plugin.connect({
    settings: options.settings ?? {},
    providerId: options.providerId ?? 'prv-testtesttest',
    clusterId: options.clusterId ?? 'testcluster',
    dataDirectory: options.dataDirectory ?? '',
    host,
  });
  return { instance, host };
}
