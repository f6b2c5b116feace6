/** Readers of /proc's texts. Each takes what is missing or malformed as zero: a sample is better with a gap than lost. */

/** Ticks of all cores since boot. */
export interface CpuTimes {
  readonly busy: number;
  readonly total: number;
}

/** Of /proc/stat: the first line sums up all cores. Guest time is part of user time already. */
export function parseCpuTimes(text: string): CpuTimes {
  const line = /^cpu +(.*)$/m.exec(text)?.[1] ?? '';
  const ticks = line.trim().split(/\s+/).slice(0, 8).map(toNumber);
  const total = ticks.reduce((sum, value) => sum + value, 0);
  const [, , , idle = 0, waitingForDisk = 0] = ticks;
  return { busy: total - idle - waitingForDisk, total };
}

/** 0..1 between two readings; 0 when no time has passed or a counter ran backwards. */
export function cpuUtilisation(before: CpuTimes, after: CpuTimes): number {
  const total = after.total - before.total;
  if (total <= 0) return 0;
  return Math.min(1, Math.max(0, (after.busy - before.busy) / total));
}

/** Of /proc/meminfo, or of the status of a process, in bytes. */
export function parseMemory(text: string, name: 'MemTotal' | 'MemAvailable' | 'VmRSS'): number {
  return toNumber(new RegExp(`^${name}:\\s+([0-9]+) kB$`, 'm').exec(text)?.[1]) * 1024;
}

/** Of /proc/loadavg. */
export function parseLoad(text: string): number {
  return toNumber(text.split(' ')[0]);
}

export interface NetworkBytes {
  readonly received: number;
  readonly sent: number;
}

/** Of /proc/net/dev: all interfaces but the loopback. */
export function parseNetwork(text: string): NetworkBytes {
  let received = 0;
  let sent = 0;
  for (const line of text.split('\n')) {
    const [name, counters] = line.split(':');
    if (counters === undefined || name?.trim() === 'lo') continue;
    const values = counters.trim().split(/\s+/);
    received += toNumber(values[0]);
    sent += toNumber(values[8]);
  }
  return { received, sent };
}

/** Of /proc/mounts: what lies on a disk. Escapes like \040 are undone. */
export function parseMounts(text: string): readonly { readonly device: string; readonly mount: string; readonly filesystem: string }[] {
  return text.split('\n').flatMap((line) => {
    const [device, mount, filesystem] = line.split(' ');
    if (!device || !mount || !filesystem) return [];
    return [{ device, mount: mount.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))), filesystem }];
  });
}

/** Of /etc/os-release. */
export function parseOsRelease(text: string): string {
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1] ?? '';
}

function toNumber(text: string | undefined): number {
  const value = Number(text ?? 0);
  return Number.isFinite(value) ? value : 0;
}
