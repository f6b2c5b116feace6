import { statfsSync } from 'node:fs';
import type { Sample } from '@wombat/proto/agent';
import { readHostFile, type ReadHostFile } from './host-files.js';
import { cpuUtilisation, parseCpuTimes, parseLoad, parseMemory, parseNetwork, type CpuTimes } from './proc.js';

export interface SamplerOptions {
  /** The filesystem whose free space is told. */
  readonly directory: string;
  /** @default the kernel's own files */
  readonly read?: ReadHostFile;
  /** Bytes free for the agent in `directory`. @default statfs */
  readonly freeBytes?: (directory: string) => bigint;
  /** @default the system's clock */
  readonly now?: () => number;
}

/** A disk may be slow to answer, and does not fill up in ten seconds. */
const samplesPerDiskReading = 10;

/** Reads a sample from /proc in about a tenth of a millisecond, without starting a process. */
export class Sampler {
  readonly #directory: string;
  readonly #read: (path: string) => string;
  readonly #now: () => number;
  readonly #freeBytes: (directory: string) => bigint;
  #cpu: CpuTimes;
  #diskFree = 0n;
  #count = 0;

  constructor({ directory, read = readHostFile, freeBytes = freeBytesOf, now = Date.now }: SamplerOptions) {
    this.#directory = directory;
    this.#read = (path) => read(path) ?? '';
    this.#freeBytes = freeBytes;
    this.#now = now;
    this.#cpu = parseCpuTimes(this.#read('/proc/stat'));
  }

  sample(): Sample {
    const cpu = parseCpuTimes(this.#read('/proc/stat'));
    const network = parseNetwork(this.#read('/proc/net/dev'));
    const utilisation = cpuUtilisation(this.#cpu, cpu);
    this.#cpu = cpu;
    if (this.#count++ % samplesPerDiskReading === 0) this.#diskFree = this.#freeBytes(this.#directory);
    return {
      cpuUtilisation: utilisation,
      load1m: parseLoad(this.#read('/proc/loadavg')),
      memoryAvailableBytes: BigInt(parseMemory(this.#read('/proc/meminfo'), 'MemAvailable')),
      diskFreeBytes: this.#diskFree,
      networkReceivedBytes: BigInt(network.received),
      networkSentBytes: BigInt(network.sent),
      time: new Date(this.#now()),
      agentResidentBytes: BigInt(parseMemory(this.#read('/proc/self/status'), 'VmRSS')),
    };
  }
}

function freeBytesOf(directory: string): bigint {
  try {
    const { bavail, bsize } = statfsSync(directory, { bigint: true });
    return bavail * bsize;
  } catch {
    return 0n;
  }
}
