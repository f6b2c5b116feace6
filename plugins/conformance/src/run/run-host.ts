import { ProviderError, type AgentCommand, type HostServices, type PluginLog } from '@wombat/plugin-sdk';
import type { StandInAgents } from './stand-in-agents.js';

/** Host services as the coordinator offers them; what the plugin tells goes to `hear`. */
export class RunHost implements HostServices {
  readonly log: PluginLog;
  /** Whether install payloads are larger than the plugin takes. The coordinator never hands such a one out. */
  isPayloadTooLarge = false;
  readonly #agents: StandInAgents;
  readonly #hear: (text: string) => void;

  constructor(agents: StandInAgents, hear: (text: string) => void) {
    const write = (message: string, fields: Readonly<Record<string, unknown>> = {}): void => hear(`${message} ${JSON.stringify(fields)}`);
    this.log = { debug: write, info: write, warn: write, error: write };
    this.#agents = agents;
    this.#hear = hear;
  }

  metric(name: string, _value: number, labels: Readonly<Record<string, string>> = {}): void {
    this.#hear(`${name} ${JSON.stringify(labels)}`);
  }

  async installPayload(hostId: string): Promise<Uint8Array> {
    if (this.isPayloadTooLarge) throw ProviderError.invalid('installPayload', 'the install payload is larger than this driver takes');
    return Buffer.from(`#!/bin/sh\n# ${hostId}\n`);
  }

  async agentCommand(hostId: string): Promise<AgentCommand> {
    return this.#agents.command(hostId);
  }

  /** Payloads here install nothing. */
  async agentPackage(): Promise<undefined> {
    return undefined;
  }
}
