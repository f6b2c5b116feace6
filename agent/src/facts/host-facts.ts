import { statfsSync } from 'node:fs';
import { availableParallelism, hostname, networkInterfaces, release } from 'node:os';
import type { Disk, Facts } from '@wombat/proto/agent';
import type { Attribute } from '@wombat/proto/types';
import { wombatVersion } from '@wombat/proto';
import { MemoryGroups } from '../processes/memory-group.js';
import { cloudAttributes } from './cloud.js';
import { findErts } from './erts.js';
import { hardwareAttributes, type Hardware } from './hardware.js';
import { readHostFile, type ReadHostFile } from './host-files.js';
import { findOpenssl } from './openssl.js';
import { findPlatform } from './platform.js';
import { parseMemory, parseMounts, parseOsRelease } from './proc.js';

export interface HostFactsOptions {
  /** The address that other hosts reach this one at, if it was configured. */
  readonly address: string | undefined;
  readonly labels: readonly Attribute[];
  /** @default the kernel's own files */
  readonly read?: ReadHostFile;
}

/** More than this are bind mounts of a container host, not disks. */
const maximumDisks = 32;
const diskFilesystems = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'zfs', 'f2fs', 'overlay', 'bcachefs', 'reiserfs', 'jfs']);

/** What the host is, from files and system calls: it starts no process and takes a few milliseconds. */
export function readHostFacts({ address, labels, read = readHostFile }: HostFactsOptions, hardware: Hardware | undefined): Facts {
  return {
    hostname: hostname(),
    platform: findPlatform(),
    kernel: release(),
    osRelease: parseOsRelease(read('/etc/os-release') ?? ''),
    cpuCores: availableParallelism(),
    cpuModel: /^(?:model name|Model)\s*: *(.*)$/m.exec(read('/proc/cpuinfo') ?? '')?.[1] ?? '',
    memoryBytes: BigInt(parseMemory(read('/proc/meminfo') ?? '', 'MemTotal')),
    disks: findDisks(read('/proc/mounts') ?? ''),
    addresses: findAddresses(address),
    erts: findErts(),
    opensslVersion: findOpenssl(),
    agentVersion: wombatVersion,
    attributes: [...labels, ...cloudAttributes(read), { key: 'host.cgroup', value: { kind: { $case: 'text', value: new MemoryGroups(read('/proc/mounts') ?? '').kind } } }, ...(hardware ? hardwareAttributes(hardware) : [])],
  };
}

/** The configured address first, then what the interfaces have; addresses that reach no further than the link are left out. */
export function findAddresses(configured: string | undefined, interfaces = networkInterfaces()): string[] {
  const found = Object.values(interfaces).flatMap((addresses = []) => addresses)
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:') && !address.startsWith('169.254.'))
    // Erlang's distribution wants IPv4 unless it is told otherwise.
    .sort((one, other) => Number(one.family === 'IPv6') - Number(other.family === 'IPv6'))
    .map(({ address }) => address);
  return [...new Set(configured === undefined ? found : [configured, ...found])];
}

function findDisks(mounts: string): Disk[] {
  const seen = new Set<string>();
  const disks: Disk[] = [];
  for (const { device, mount, filesystem } of parseMounts(mounts)) {
    // One device may be mounted in many places; the first is the one people mean.
    if (!diskFilesystems.has(filesystem) || seen.has(device) || disks.length === maximumDisks) continue;
    const disk = measure(mount, filesystem);
    if (!disk) continue;
    seen.add(device);
    disks.push(disk);
  }
  return disks;
}

function measure(mount: string, filesystem: string): Disk | undefined {
  try {
    const { blocks, bavail, bsize } = statfsSync(mount, { bigint: true });
    return { mount, filesystem, sizeBytes: blocks * bsize, freeBytes: bavail * bsize };
  } catch {
    return undefined;
  }
}
