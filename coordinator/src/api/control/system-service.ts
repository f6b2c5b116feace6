import { wombatVersion } from '@wombat/proto';
import { SystemServiceService, type Plugin } from '@wombat/proto/control';
import type { Fleet } from '../../fleet/fleet.js';
import { implement, type Service } from '../service.js';

export interface SystemServiceOptions {
  readonly clusterId: string;
  readonly fleet: Fleet;
  readonly plugins: () => readonly Plugin[];
}

export function systemService({ clusterId, fleet, plugins }: SystemServiceOptions): Service {
  return implement(SystemServiceService, {
    async getVersion() {
      return { version: wombatVersion, clusterId, agents: Object.fromEntries(fleet.versions()), nodeVersion: process.versions.node };
    },
    async listPlugins() {
      return { plugins: [...plugins()] };
    },
  });
}
