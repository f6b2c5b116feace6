import type { ChildProcess } from 'node:child_process';
import { mkdirSync, openSync, closeSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { launchers } from './checkout.js';
import { ControlClient } from './control-client.js';
import { spawnPlain, usualEnvironment } from './spawn-plain.js';
import { notYet, until } from './until.js';

export interface Addresses {
  readonly control: string;
  readonly agents: string;
  readonly http?: string;
}

export interface CoordinatorOptions {
  /** Where everything of it is kept, its log and the context of `wo` included. */
  readonly home: string;
  /** Further settings, as flags: `{'hosts-idle-ttl-ms': '1000'}`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Further variables of its environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A coordinator started by its launcher, which can be killed and started again on the same directory. */
export class CoordinatorProcess {
  readonly directory: string;
  readonly log: string;
  readonly #options: CoordinatorOptions;
  #child: ChildProcess | undefined;
  #control: ControlClient | undefined;
  #isWanted = false;
  /** Called when it has died without having been told to. */
  onDeath: (() => void) | undefined;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.directory = join(options.home, 'coordinator');
    this.log = join(options.home, 'coordinator.log');
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('the coordinator does not run');
    return this.#child.pid;
  }

  /** As its operator. */
  get control(): ControlClient {
    if (!this.#control) throw new Error('the coordinator has not been started');
    return this.#control;
  }

  /** Resolves when it serves and `wo` can find it. */
  async start(): Promise<Addresses> {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    await rm(join(this.directory, 'addresses.json'), { force: true });
    this.#child = this.#spawn();
    this.#isWanted = true;
    this.#child.once('exit', () => this.#isWanted && this.onDeath?.());
    const addresses = await until('the coordinator serves', async () => (await this.#addresses()) ?? this.#stillStarting());
    await this.#writeContext(addresses);
    return await this.connect();
  }

  /** To a coordinator that serves in this directory, whoever started it. */
  async connect(): Promise<Addresses> {
    const addresses = await this.#addresses();
    if (!addresses) throw new Error(`no coordinator serves in ${this.directory}`);
    const before = this.#control;
    this.#control = new ControlClient({ address: addresses.control, ...(await this.credentials()) });
    before?.close();
    return addresses;
  }

  /** As a power cut does it. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Answers its exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#control?.close();
    this.#isWanted = false;
    const child = this.#child;
    if (!child || hasEnded(child)) return child?.exitCode ?? null;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    await exited;
    return child.exitCode;
  }

  /** For calls past `wo`. */
  async credentials(): Promise<{ readonly token: string; readonly authority: Buffer }> {
    const token = await readFile(join(this.directory, 'operator.token'), 'utf8');
    return { token: token.trim(), authority: await readFile(join(this.directory, 'ca/ca.crt')) };
  }

  #spawn(): ChildProcess {
    const output = openSync(this.log, 'a', 0o600);
    const flags = Object.entries(this.#options.settings ?? {}).flatMap(([key, value]) => [`--${key}`, value]);
    const ports = ['control', 'agents', 'http'].flatMap((door) => [`--${door}-address`, '127.0.0.1:0']);
    const child = spawnPlain(launchers.coordinator, ['--directory', this.directory, ...ports, ...flags], { ...usualEnvironment(), ...this.#options.environment }, { stdio: ['ignore', output, output] });
    closeSync(output);
    return child;
  }

  async #addresses(): Promise<Addresses | undefined> {
    const text = await readFile(join(this.directory, 'addresses.json'), 'utf8').catch(() => '');
    return text.endsWith('}') || text.endsWith('}\n') ? (JSON.parse(text) as Addresses) : undefined;
  }

  async #stillStarting(): Promise<ReturnType<typeof notYet>> {
    const said = await readFile(this.log, 'utf8').catch(() => '');
    if (this.#child && hasEnded(this.#child)) throw new Error(`the coordinator has ended with ${this.#child.exitCode ?? this.#child.signalCode}; it wrote:\n${said.slice(-3_000)}`);
    return notYet(said.slice(-1_000));
  }

  async #writeContext({ control }: Addresses): Promise<void> {
    const lines = ['current = "test"', '', '[contexts.test]', `address = "${control}"`, 'tokenFile = "coordinator/operator.token"', 'caFile = "coordinator/ca/ca.crt"', ''];
    await writeFile(join(this.#options.home, 'config.toml'), lines.join('\n'), { mode: 0o600 });
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
