import { readFile } from 'node:fs/promises';
import { textFilters, WombatError } from '@wombat/proto';
import type { AgentPackage, AgentPackages } from './agent-packages.js';

export interface InstallerOptions {
  readonly packages: AgentPackages;
  /** The agent's install.sh. */
  readonly scriptFile: string;
  /** Where agents connect, "host:port". */
  readonly coordinator: () => string;
  /** Where packages are fetched, "https://host:port". */
  readonly url: () => string;
  /** Of that address, in PEM. @default plain HTTP */
  readonly authorityPem?: () => string;
}

/** The one machine that a script is for. */
export interface InstalledHost {
  readonly hostId: string;
  readonly joinToken: string;
}

/** Makes the script that brings the agent onto a machine. */
export class Installer {
  constructor(private readonly options: InstallerOptions) {}

  /**
   * For anybody, who needs a join token then; or for one host, with its token.
   * @throws WombatError WO_AGENT_PACKAGE_MISSING
   */
  async script(host?: InstalledHost): Promise<string> {
    const { packages, scriptFile, coordinator, url, authorityPem } = this.options;
    const all = await packages.list();
    if (all.length === 0) throw new WombatError('WO_AGENT_PACKAGE_MISSING', 'there is no package of the agent that machines could be given');
    const values = {
      WOMBAT_COORDINATOR: coordinator(),
      WOMBAT_URL: url(),
      WOMBAT_CA: authorityPem?.().trim() ?? '',
      ...Object.fromEntries(all.map(({ arch, sha256 }: AgentPackage) => [`WOMBAT_SHA256_${arch}`, sha256])),
      ...(host ? { WOMBAT_HOST_ID: host.hostId, WOMBAT_JOIN_TOKEN: host.joinToken } : {}),
    };
    return `#!/bin/sh\n${Object.entries(values).map(([name, value]) => assignment(name, value)).join('')}${await readFile(scriptFile, 'utf8')}`;
  }
}

/** A line of a POSIX shell, whatever the value holds. */
export function assignment(name: string, value: string): string {
  const { escape, quotes } = textFilters['shellWord']!;
  if (value.includes('\0')) throw new WombatError('WO_INVALID_ARGUMENT', `${name} has a zero byte, which a shell cannot hold`);
  return `${name}=${quotes[0]}${escape(value)}${quotes[1]}\n`;
}
