import type { ContainerCreateOptions } from 'dockerode';
import { nearest, ProviderError, tagsOf, type HostSpec } from '@wombat/plugin-sdk';
import { entrypoint } from './host-files.js';
import { stopSeconds } from './limits.js';
import type { DockerSettings } from './settings.js';

const mebibyte = 1024 ** 2;

/** The engine refuses a second container of the same name, so there is one for each key. */
export function containerName(clusterId: string, key: string): string {
  return `wombat-${clusterId}-${key}`;
}

/** The container of one host. Whatever its image starts by itself is not started. */
export function containerPlan(spec: HostSpec, settings: DockerSettings, clusterId: string): ContainerCreateOptions & { readonly name: string } {
  return {
    name: containerName(clusterId, spec.key),
    Image: spec.image,
    Hostname: spec.hostId,
    User: '0:0',
    WorkingDir: '/',
    Entrypoint: [...entrypoint],
    Cmd: [settings.agentUser],
    StopSignal: 'SIGTERM',
    StopTimeout: stopSeconds,
    Healthcheck: { Test: ['NONE'] },
    Labels: { ...settings.labels, ...tagsOf(spec, clusterId) },
    HostConfig: {
      Init: true,
      RestartPolicy: { Name: 'unless-stopped' },
      NetworkMode: settings.network,
      // Whatever the engine writes logs with, these can be read back, and are bounded.
      LogConfig: { Type: 'json-file', Config: { 'max-size': '5m', 'max-file': '2' } },
      ...limits(spec.hardwareProfile, settings),
    },
  };
}

function limits(name: string, { hardwareProfiles }: DockerSettings): { NanoCpus: number; Memory: number; MemorySwap: number } {
  const profile = Object.hasOwn(hardwareProfiles, name) ? hardwareProfiles[name] : undefined;
  if (!profile) {
    const known = Object.keys(hardwareProfiles);
    const meant = nearest(name, known);
    throw ProviderError.invalid('hardwareProfile', `there is no hardware profile ${JSON.stringify(name)}${meant === undefined ? `; there are ${known.join(', ')}` : `; did you mean ${meant}?`}`);
  }
  const bytes = profile.memoryMb * mebibyte;
  return { NanoCpus: Math.round(profile.cpus * 1e9), Memory: bytes, MemorySwap: bytes };
}
