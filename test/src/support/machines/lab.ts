import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { fixtures } from '../checkout.js';
import { until } from '../until.js';
import type { Init } from './debian-root.js';
import { Machine } from './machine.js';
import { companion, endChild, system } from './system.js';

const network = '192.0.2';
let labs = 0;

/** A network of its own, in a namespace, with machines that boot on it. The test reaches in by relays only. */
export class Lab {
  /** Where machines find what is relayed to them. */
  readonly address = `${network}.254`;
  readonly #machines: Machine[] = [];

  private constructor(
    private readonly directory: string,
    readonly namespace: string,
  ) {}

  /** For `skip` of a test that needs one: false, or the reason. */
  static impossible(): string | false {
    return process.getuid?.() === 0 ? false : 'needs root, for machines in namespaces of their own';
  }

  static async open(t: Test): Promise<Lab> {
    labs += 1;
    const lab = new Lab(await mkdtemp(join(tmpdir(), 'wombat-lab-')), `wombat-lab-${process.pid}-${labs}`);
    t.teardown(async () => await lab.#close());
    await system('ip', 'netns', 'add', lab.namespace);
    for (const words of ['link set lo up', 'link add br0 type bridge', `addr add ${lab.address}/24 dev br0`, 'link set br0 up']) {
      await system('ip', '-n', lab.namespace, ...words.split(' '));
    }
    return lab;
  }

  /** What listens on this port of the test's loopback is found by machines at the lab's address. */
  async relay(t: Test, port: number): Promise<void> {
    // A unix socket is reached from every network namespace.
    const door = join(this.directory, `${port}.sock`);
    const server = createServer((near) => tie(near, connect(port, '127.0.0.1')));
    await new Promise<void>((resolve) => server.listen(door, resolve));
    const log = openSync(join(this.directory, `${port}.log`), 'a');
    const listener = companion(['ip', 'netns', 'exec', this.namespace, 'socat', `TCP4-LISTEN:${port},bind=${this.address},reuseaddr,fork`, `UNIX-CONNECT:${door}`], log);
    closeSync(log);
    t.teardown(async () => {
      await endChild(listener, 2_000);
      server.close();
    });
  }

  /** Answers a port of the test's loopback: what connects there reaches this port of a machine. */
  async reach(t: Test, machine: Machine, port: number): Promise<number> {
    const door = join(this.directory, `${machine.port}-${port}.sock`);
    const listener = companion(['ip', 'netns', 'exec', this.namespace, 'socat', `UNIX-LISTEN:${door},fork`, `TCP4:${machine.address}:${port}`]);
    const server = createServer((near) => tie(near, connect(door)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await until('the way to a machine is open', () => existsSync(door));
    t.teardown(async () => {
      await endChild(listener, 2_000);
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }

  /** A machine whose cloud-init is given this user-data. `number`: the last of its address. */
  async boot(name: string, userData: string, { number = 11 + this.#machines.length, init = 'systemd' }: { readonly number?: number; readonly init?: Init } = {}): Promise<Machine> {
    const machine = new Machine({ name, directory: join(this.directory, name), lab: this.namespace, port: `p${number}`, address: `${network}.${number}`, gateway: this.address, init });
    this.#machines.push(machine);
    await machine.boot(userData);
    return machine;
  }

  /** From now on each frame takes so long, whichever way it goes, and machines lose some of those that reach them. */
  async worsen(t: Test, { delayMs, lossPercent }: { readonly delayMs: number; readonly lossPercent: number }): Promise<void> {
    const inside = ['netns', 'exec', this.namespace];
    // An address answers on its own interface only: else the namespace would be a way past the slow wire.
    await system('ip', ...inside, 'sysctl', '-q', '-w', 'net.ipv4.conf.all.arp_ignore=1');
    for (const words of ['link add slow0 type veth peer name slow1', 'link set slow0 up', 'link set slow1 master br0 up']) await system('ip', '-n', this.namespace, ...words.split(' '));
    const ports = this.#machines.map(({ port }) => port);
    for (const port of ports) await system('ip', '-n', this.namespace, 'link', 'set', port, 'nomaster');
    const log = openSync(join(this.directory, 'slow-wire.log'), 'a');
    const wire = companion(['ip', ...inside, 'python3', join(fixtures, 'slow-wire.py'), String(delayMs), 'slow0', ...ports], log);
    closeSync(log);
    t.teardown(async () => await endChild(wire, 2_000));
    for (const machine of this.#machines) await machine.lose(lossPercent);
  }

  async #close(): Promise<void> {
    const ended = await Promise.allSettled(this.#machines.map(async (machine) => await machine.remove()));
    await system('ip', 'netns', 'del', this.namespace);
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
    for (const each of ended) if (each.status === 'rejected') throw each.reason;
  }
}

/** Both ends of a way: what comes at one leaves at the other, and they end together. */
function tie(near: Socket, far: Socket): void {
  near.on('error', () => far.destroy()).on('close', () => far.destroy()).pipe(far);
  far.on('error', () => near.destroy()).on('close', () => near.destroy()).pipe(near);
}
