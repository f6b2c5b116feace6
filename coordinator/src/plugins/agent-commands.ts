import type { AgentCommand } from '@wombat/plugin-sdk';
import { WombatError } from '@wombat/proto';
import type { JoinToken } from '../domain/model/identity.js';
import type { Store } from '../store/store.js';
import type { HostLog, HostServiceSources } from './host-services.js';

export interface AgentCommandsOptions {
  readonly store: Store;
  readonly issuer: { issueJoinToken(request: { readonly hostId: string }): Promise<{ readonly token: JoinToken; readonly text: string }> };
  /** The agent's program. */
  readonly command: readonly string[];
  /** Where agents reach the coordinator, "host:port". */
  readonly coordinator: () => string;
}

/** How the agent of a host is started, with a fresh join token for it. */
export class AgentCommands {
  readonly #options: AgentCommandsOptions;

  constructor(options: AgentCommandsOptions) {
    this.#options = options;
  }

  sources(log: HostLog): HostServiceSources {
    return {
      log,
      agentCommand: (providerId, hostId) => this.#agentCommand(providerId, hostId),
      installPayload: () => Promise.reject(new WombatError('WO_PLUGIN_INVALID', 'this coordinator has no install payload; use agentCommand')),
    };
  }

  async #agentCommand(providerId: string, hostId: string): Promise<AgentCommand> {
    const { store, issuer, command, coordinator } = this.#options;
    const host = await store.read.hosts.get(hostId);
    // A provider sees the tokens of its own machines only.
    if (!host || host.providerId !== providerId || host.desired === 'absent') throw new WombatError('WO_NOT_FOUND', `there is no host ${hostId} of this provider`);
    const { text } = await issuer.issueJoinToken({ hostId });
    // The agent's launcher takes this Node, whatever is in PATH.
    return { argv: [...command, '--coordinator', coordinator()], environment: { WOMBAT_NODE: process.execPath }, joinToken: text };
  }
}
