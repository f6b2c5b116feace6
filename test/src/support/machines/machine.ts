import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { notYet, until } from '../until.js';
import { debianRoot, type Init } from './debian-root.js';
import { companion, endChild, system } from './system.js';

export interface MachineOptions {
  readonly name: string;
  readonly directory: string;
  /** The namespace with the bridge, and the name of its end of the cable. */
  readonly lab: string;
  readonly port: string;
  readonly address: string;
  readonly gateway: string;
  readonly init: Init;
}

/** As a login has it: nothing of the test's own environment. */
const cleanly = ['/usr/bin/env', '-i', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'];

/** In control groups of version 1, its companion, or version 2: whichever there is. */
const groupRoots = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified', '/sys/fs/cgroup'];

/**
 * A Debian machine in a container: systemd or sysvinit as its first process, real cloud-init, a network namespace and a
 * writable view of the root of its own.
 */
export class Machine {
  readonly address: string;
  readonly root: string;
  readonly #options: MachineOptions;
  readonly #id: string;
  #groups: readonly string[] = [];
  #process: ChildProcess | undefined;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.address = options.address;
    this.root = join(options.directory, 'root');
    this.#id = `${options.lab}-${options.name}`;
  }

  /** Resolves when cloud-init is through, whatever came of it. */
  async boot(userData: string): Promise<void> {
    await this.#connect();
    await this.#mount();
    this.#seed(userData);
    this.#start();
    await until(`cloud-init of ${this.#options.name} is through`, () => this.#instances().some((name) => existsSync(join(this.root, 'var/lib/cloud/instances', name, 'boot-finished'))) || notYet(this.console()), { withinMs: 120_000 });
  }

  /** The last that the machine wrote on its console. */
  console(): string {
    return readFileSync(join(this.#options.directory, 'console.log'), 'utf8').slice(-2_000);
  }

  /** A file of the machine; empty when it has none of that name. */
  read(path: string): string {
    const file = join(this.root, path);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** Runs a program inside it, as root. */
  async run(...argv: readonly string[]): Promise<string> {
    return await system('nsenter', '--target', String(this.#init()), '--mount', '--pid', '--net', '--uts', '--ipc', '--root', '--wd=/', ...cleanly, ...argv);
  }

  /** Of the packets that reach it, so many of a hundred are lost. */
  async lose(percent: number): Promise<void> {
    const rules = `table inet lossy { chain input { type filter hook input priority 0; iifname eth0 numgen random mod 100 < ${percent} drop; }; }`;
    await system('ip', 'netns', 'exec', this.#id, 'nft', rules);
  }

  /** The least that opening a connection takes, of several: one way and back. */
  async connectMs(host: string, port: number): Promise<number> {
    const program = 'import socket, sys, time\nfor _ in range(8):\n  began = time.monotonic()\n  socket.create_connection((sys.argv[1], int(sys.argv[2])), 20).close()\n  print(round((time.monotonic() - began) * 1000))';
    const told = await system('ip', 'netns', 'exec', this.#id, 'python3', '-c', program, host, String(port));
    return Math.min(...told.trim().split('\n').map(Number));
  }

  /** As a power button does it: what runs is told to end, and the machine begins anew on the same disk. */
  async reboot(): Promise<void> {
    const before = this.#process;
    await this.run('poweroff');
    await until(`${this.#options.name} is off`, () => before?.exitCode !== null || notYet(this.console()), { withinMs: 60_000 });
    await this.#plugIn();
    this.#start();
  }

  /** The bridge's end of its cable. */
  get port(): string {
    return this.#options.port;
  }

  async remove(): Promise<void> {
    // It does not know the signal by which a container is asked to end, and would outlive it.
    if (this.#process && this.#options.init === 'sysvinit') process.kill(this.#init(), 'SIGKILL');
    if (this.#process) await endChild(this.#process, 15_000);
    await system('umount', '--lazy', this.root).catch(() => undefined);
    await system('ip', 'netns', 'del', this.#id).catch(() => undefined);
    for (const group of this.#groups) await until('its control group is empty', () => removedGroup(group), { withinMs: 5_000 });
  }

  async #connect(): Promise<void> {
    const { lab, port, address } = this.#options;
    await system('ip', 'netns', 'add', this.#id);
    await system('ip', '-n', lab, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.#id);
    await system('ip', '-n', lab, 'link', 'set', port, 'master', 'br0', 'up');
    await system('ip', '-n', this.#id, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    await this.#plugIn();
  }

  /** A machine that is switched off takes its links down. */
  async #plugIn(): Promise<void> {
    for (const words of ['link set lo up', 'link set eth0 up', `route replace default via ${this.#options.gateway}`]) await system('ip', '-n', this.#id, ...words.split(' '));
  }

  async #mount(): Promise<void> {
    const { directory, init } = this.#options;
    const lower = await debianRoot(init);
    for (const part of ['upper', 'work', 'root']) mkdirSync(join(directory, part), { recursive: true });
    await system('mount', '-t', 'overlay', 'overlay', '-o', `lowerdir=${lower},upperdir=${join(directory, 'upper')},workdir=${join(directory, 'work')}`, this.root)
      .catch(async () => await system('cp', '-a', `${lower}/.`, this.root));
  }

  #seed(userData: string): void {
    const { name, gateway } = this.#options;
    const seed = join(this.root, 'var/lib/cloud/seed/nocloud');
    mkdirSync(seed, { recursive: true });
    writeFileSync(join(seed, 'meta-data'), `instance-id: iid-${this.#id}\nlocal-hostname: ${name}\n`);
    writeFileSync(join(seed, 'user-data'), userData, { mode: 0o600 });
    writeFileSync(join(this.root, 'etc/hostname'), `${name}\n`);
    writeFileSync(join(this.root, 'etc/hosts'), `127.0.0.1 localhost\n127.0.1.1 ${name}\n${gateway} coordinator\n`);
  }

  #start(): void {
    const { name, directory } = this.#options;
    if (this.#groups.length === 0) this.#groups = groupRoots.filter((root) => existsSync(join(root, 'cgroup.procs'))).slice(0, 2).flatMap((root) => madeGroup(join(root, this.#id)));
    const output = openSync(join(directory, 'console.log'), 'a');
    const enter = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"';
    const nspawn = [
      'systemd-nspawn', '--quiet', '--boot', `--directory=${this.root}`, `--machine=${this.#id}`.slice(0, 70), `--hostname=${name}`, '--register=no', '--keep-unit',
      `--network-namespace-path=/run/netns/${this.#id}`, '--capability=CAP_NET_ADMIN', '--resolv-conf=off', '--timezone=off', '--link-journal=no', '--console=read-only',
    ];
    this.#process = companion(['sh', '-c', enter, 'sh', ...this.#groups, '--', ...nspawn], output);
    closeSync(output);
  }

  #instances(): string[] {
    const directory = join(this.root, 'var/lib/cloud/instances');
    return existsSync(directory) ? readdirSync(directory) : [];
  }

  /** The machine's first process, as this side numbers it. */
  #init(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error(`${this.#options.name} does not run`);
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    return Number(child);
  }
}

function madeGroup(group: string): string[] {
  try {
    mkdirSync(group);
    return [group];
  } catch {
    return [];
  }
}

function removedGroup(group: string): boolean {
  for (const entry of readdirSync(group, { withFileTypes: true })) if (entry.isDirectory()) removedGroup(join(group, entry.name));
  try {
    rmdirSync(group);
    return true;
  } catch {
    return !existsSync(group);
  }
}
