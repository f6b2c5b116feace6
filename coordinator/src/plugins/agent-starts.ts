import type { AgentCommand, AgentPackage } from '@wombat/plugin-sdk';
import { WombatError } from '@wombat/proto';
import type { JoinToken } from '../domain/model/identity.js';
import type { AgentPackages } from '../installer/agent-packages.js';
import type { InstalledHost } from '../installer/installer.js';
import type { Store } from '../store/store.js';
import type { HostLog, HostServiceSources } from './host-services.js';

export interface AgentStartsOptions {
  readonly store: Store;
  readonly issuer: { issueJoinToken(request: { readonly hostId: string }): Promise<{ readonly token: JoinToken; readonly text: string }> };
  /** The agent's program. */
  readonly command: readonly string[];
  /** Where agents reach the coordinator, "host:port". */
  readonly coordinator: () => string;
  readonly packages: Pick<AgentPackages, 'list' | 'open'>;
  readonly installer: { script(host: InstalledHost): Promise<string> };
}

/** How the agent of a host comes to run, with a fresh join token for it: as a command, or by what its machine runs at its first boot. */
export class AgentStarts {
  readonly #options: AgentStartsOptions;

  constructor(options: AgentStartsOptions) {
    this.#options = options;
  }

  sources(log: HostLog): HostServiceSources {
    return {
      log,
      agentCommand: (providerId, hostId) => this.#agentCommand(providerId, hostId),
      installPayload: (providerId, hostId) => this.#installPayload(providerId, hostId),
      agentPackage: (arch) => this.#agentPackage(arch),
    };
  }

  async #agentCommand(providerId: string, hostId: string): Promise<AgentCommand> {
    const { command, coordinator } = this.#options;
    // The agent's launcher takes this Node, whatever is in PATH.
    return { argv: [...command, '--coordinator', coordinator()], environment: { WOMBAT_NODE: process.execPath }, joinToken: await this.#joinToken(providerId, hostId) };
  }

  async #installPayload(providerId: string, hostId: string): Promise<Uint8Array> {
    const joinToken = await this.#joinToken(providerId, hostId);
    return Buffer.from(await this.#options.installer.script({ hostId, joinToken }));
  }

  async #agentPackage(arch: string): Promise<AgentPackage | undefined> {
    const { packages } = this.#options;
    const named = (await packages.list()).find((each) => each.arch === arch);
    const open = named && (await packages.open(named.name));
    return open && { sha256: named.sha256, content: open.content };
  }

  async #joinToken(providerId: string, hostId: string): Promise<string> {
    const { store, issuer } = this.#options;
    const host = await store.read.hosts.get(hostId);
    // A provider sees the tokens of its own machines only.
    if (!host || host.providerId !== providerId || host.desired === 'absent') throw new WombatError('WO_NOT_FOUND', `there is no host ${hostId} of this provider`);
    const { text } = await issuer.issueJoinToken({ hostId });
    return text;
  }
}
