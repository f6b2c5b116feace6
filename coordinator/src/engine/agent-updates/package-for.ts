import { Facts } from '@wombat/proto/agent';
import type { AgentUpdateTerms, WantedPackage } from '../../domain/model/agent-update.js';
import type { Host } from '../../domain/model/host.js';

/** "x64", "arm64"; empty when its agent has not told yet. */
export function archOf({ facts }: Host): string {
  return facts === undefined ? '' : (Facts.fromJSON(facts).platform?.arch ?? '');
}

export function packageFor(host: Host, { packages }: AgentUpdateTerms): WantedPackage | undefined {
  return packages[archOf(host)];
}
