import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Test } from 'tap';
import { Workshop, type WorkshopOptions } from './workshop.js';

const lookAgainMs = 100;

/** Which way packets are lost: from agents, to agents, or both. */
export type Loss = 'up' | 'down' | 'both';

interface Link {
  readonly near: Socket;
  readonly far: Socket;
  /** Undefined while nobody has looked, or its process has ended. */
  hostId: string | undefined;
  /** What is done when packets pass again: a connection that has ended behind a parted network. */
  readonly late: (() => void)[];
}

/** A coordinator whose agents reach it through a network that can be parted. */
export interface Parted {
  readonly workshop: Workshop;
  readonly network: Network;
}

export async function openParted(t: Test, options: WorkshopOptions): Promise<Parted> {
  const agents = `127.0.0.1:${await freePort()}`;
  const network = await Network.between(t, agents);
  const workshop = await Workshop.open(t, { ...options, settings: { 'agents-address': agents, 'advertise-agents': network.address, ...options.settings } });
  network.knows(workshop);
  return { workshop, network };
}

/**
 * Passes the agents' bytes on. Where packets are lost they wait here, as they would with whoever sends them again and
 * again, and so does the end of a connection.
 */
export class Network {
  readonly #links = new Set<Link>();
  readonly #losses = new Map<string, Loss>();
  #workshop: Workshop | undefined;
  #address = '';

  static async between(t: Test, to: string): Promise<Network> {
    const network = new Network();
    const server = createServer((near) => network.#join(near, to)).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    network.#address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    t.teardown(() => {
      network.heal();
      for (const { near } of network.#links) near.destroy();
      server.close();
    });
    return network;
  }

  get address(): string {
    return this.#address;
  }

  knows(workshop: Workshop): void {
    this.#workshop = workshop;
  }

  /** Connections of agents that are there. */
  connections(): number {
    return this.#links.size;
  }

  lose(loss: Loss, hostIds: readonly string[]): void {
    for (const hostId of hostIds) this.#losses.set(hostId, loss);
    this.#apply();
  }

  heal(): void {
    this.#losses.clear();
    this.#apply();
  }

  #join(near: Socket, to: string): void {
    const [host = '', port = ''] = to.split(':');
    const link: Link = { near, far: connect({ host, port: Number(port) }), hostId: undefined, late: [] };
    const { far } = link;
    this.#links.add(link);
    near.on('data', (bytes) => far.write(bytes)).on('error', () => near.destroy());
    far.on('data', (bytes) => near.write(bytes)).on('error', () => far.destroy());
    near.on('close', () => this.#closed(link, 'up', () => far.destroy()));
    far.on('close', () => this.#closed(link, 'down', () => near.destroy()));
    if (this.#losses.size > 0) this.#apply();
  }

  #closed(link: Link, way: Loss, close: () => void): void {
    if (link.near.destroyed && link.far.destroyed) this.#links.delete(link);
    if (this.#isLost(link, way)) link.late.push(close);
    else close();
  }

  #apply(looks = 5): void {
    const owners = socketOwners(this.#workshop);
    for (const link of this.#links) {
      link.hostId = owners(link.near) ?? link.hostId;
      if (this.#isLost(link, 'up')) link.near.pause();
      else link.near.resume();
      if (this.#isLost(link, 'down')) link.far.pause();
      else link.far.resume();
      if (!this.#losses.has(link.hostId ?? '')) for (const close of link.late.splice(0)) close();
    }
    // What the kernel lists while sockets come and go may leave one out.
    const isUnsure = this.#losses.size > 0 && [...this.#links].some(({ hostId }) => hostId === undefined);
    if (isUnsure && looks > 1) setTimeout(() => this.#apply(looks - 1), lookAgainMs).unref();
  }

  #isLost(link: Link, way: Loss): boolean {
    const loss = link.hostId === undefined ? undefined : this.#losses.get(link.hostId);
    return loss === 'both' || loss === way;
  }
}

/** Whose end a connection is, by the sockets that the kernel lists. */
function socketOwners(workshop: Workshop | undefined): (near: Socket) => string | undefined {
  const inodes = new Map<string, string>();
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local = '', remote = '', , , , , , , inode = ''] = line.trim().split(/\s+/);
    // One port may serve connections to several places, and one that has ended is listed for a while.
    if (inode !== '0') inodes.set(`${portOf(local)} ${portOf(remote)}`, inode);
  }
  const owners = new Map<string, string>();
  for (const { pid, environment } of workshop?.agents() ?? []) {
    for (const inode of socketsOf(pid)) owners.set(inode, environment['WOMBAT_HOST_ID'] ?? '');
  }
  return (near) => owners.get(inodes.get(`${near.remotePort} ${near.localPort}`) ?? '');
}

/** Of an address as the kernel lists it. */
function portOf(address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16);
}

function socketsOf(pid: number): string[] {
  try {
    const names = readdirSync(`/proc/${pid}/fd`);
    return names.flatMap((name) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`))?.[1] ?? [];
      } catch {
        return [];
      }
    });
  } catch {
    // It has ended in the meantime.
    return [];
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
