import { wombatVersion, type Clock } from '@wombat/proto';
import { SystemServiceService, type Finding, type Plugin } from '@wombat/proto/control';
import type { Backups } from '../../backup/create-backup.js';
import type { Fleet } from '../../fleet/fleet.js';
import { implement, type Service } from '../service.js';

export interface SystemServiceOptions {
  readonly clusterId: string;
  readonly fleet: Fleet;
  readonly plugins: () => readonly Plugin[];
  readonly clock: Clock;
  readonly backups: Pick<Backups, 'create'>;
  readonly diagnosis: { findings(): Promise<Finding[]> };
}

export function systemService({ clusterId, fleet, plugins, clock, backups, diagnosis }: SystemServiceOptions): Service {
  return implement(SystemServiceService, {
    async getVersion() {
      return { version: wombatVersion, clusterId, agents: Object.fromEntries(fleet.versions()), nodeVersion: process.versions.node, time: new Date(clock.now()) };
    },
    async listPlugins() {
      return { plugins: [...plugins()] };
    },
    async diagnose() {
      return { findings: await diagnosis.findings() };
    },
    async *createBackup(_request, { signal }) {
      const { manifest, read, discard } = await backups.create(signal);
      try {
        const sizeBytes = manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0);
        yield { kind: { $case: 'summary', value: { clusterId, createdAt: new Date(manifest.createdAt), sizeBytes: BigInt(sizeBytes), files: manifest.files.length } } };
        for await (const data of read(signal)) yield { kind: { $case: 'data', value: Buffer.from(data) } };
      } finally {
        await discard();
      }
    },
  });
}
