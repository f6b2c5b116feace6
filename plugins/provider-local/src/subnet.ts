import { randomInt } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { ProviderError } from '@wombat/plugin-sdk';

/** Epmd listens on 16 addresses at most, and adds those of loopback by itself; with 14 it ends at once. */
export const epmdAddressCount = 13;

const hostsInSubnet = 254;

/** "127.x.y" */
export const subnetPattern = /^127\.(25[0-4]|2[0-4]\d|1\d\d|[1-9]\d?)\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;

/** Addresses that epmd answers on. */
export function epmdAddresses(subnet: string): readonly string[] {
  return Array.from({ length: epmdAddressCount }, (_, index) => `${subnet}.${index + 1}`);
}

/** The lowest address of the subnet that is not taken; undefined when all are. */
export function freeAddress(subnet: string, taken: ReadonlySet<string>): string | undefined {
  for (let last = 1; last <= hostsInSubnet; last += 1) {
    const address = `${subnet}.${last}`;
    if (!taken.has(address)) return address;
  }
  return undefined;
}

/** A subnet that nobody listens in and no process speaks of: two Wombats on one machine never meet. */
export async function chooseSubnet(): Promise<string> {
  const used = await usedSubnets();
  for (let attempt = 0; attempt < 1_000; attempt += 1) {
    const subnet = `127.${randomInt(1, 255)}.${randomInt(0, 256)}`;
    if (!used.has(subnet)) return subnet;
  }
  throw ProviderError.capacity('no 127.x.y.0/24 is free on this machine');
}

/** Subnets with a listener, and those that the command line of a process names (agents listen on nothing). */
export async function usedSubnets(): Promise<ReadonlySet<string>> {
  const used = new Set<string>();
  for (const line of (await readFile('/proc/net/tcp', 'latin1').catch(() => '')).split('\n')) {
    // "  0: 0100007F:1F90 00000000:0000 0A": the address in the byte order of the machine, 0A is listening.
    const match = /^\s*\d+: [0-9A-F]{2}([0-9A-F]{2})([0-9A-F]{2})7F:[0-9A-F]{4} [0-9A-F]{8}:[0-9A-F]{4} 0A/.exec(line);
    if (match) used.add(`127.${Number.parseInt(match[2]!, 16)}.${Number.parseInt(match[1]!, 16)}`);
  }
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const words = await readFile(`/proc/${entry}/cmdline`, 'latin1').catch(() => '');
    for (const [, subnet] of words.matchAll(/\b(127\.\d{1,3}\.\d{1,3})\.\d{1,3}\b/g)) used.add(subnet!);
  }
  return used;
}

/**
 * A free port for epmd, below the range that the kernel takes for outgoing connections: it must be free
 * again each time epmd is started.
 */
export async function chooseEpmdPort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = randomInt(20_000, 32_000);
    if (await isFree(port)) return port;
  }
  throw ProviderError.capacity('no port is free for epmd');
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    // Epmd always adds loopback to the addresses that it is given.
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
