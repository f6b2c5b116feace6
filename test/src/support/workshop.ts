import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Node } from '@wombat/proto/control';
import { NodePhase } from '@wombat/proto/control';
import { launchers } from './checkout.js';
import { CoordinatorProcess, type Addresses } from './coordinator-process.js';
import { endProcessesIn } from './ending.js';
import { FleetView, tellNode } from './fleet-view.js';
import { LastResort } from './last-resort.js';
import { agentsAmong, describeProcess, isBeam, processesIn, type Process } from './processes.js';
import { Terminal, type TerminalOptions } from './terminal.js';
import { notYet, until, type Patience } from './until.js';
import { tellResult, WoProcess, type WoOptions, type WoResult } from './wo.js';

const run = promisify(execFile);
const logTailLines = 40;

export interface WorkshopOptions {
  /** Flags of the coordinator. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Further variables of the coordinator's environment, of the workshop's directory. */
  readonly environment?: (directory: string) => Readonly<Record<string, string>>;
}

/** The test, or whatever else ends: a workshop is closed with it. */
export interface Occasion {
  teardown(end: () => Promise<void>): void;
  /** Nothing has gone wrong so far. */
  passing(): boolean;
  comment(text: string): void;
}

type WoTimes = Omit<WoOptions, 'configDirectory'>;

/** A temporary directory with a coordinator and all that it starts; nothing of it outlives its test. */
export class Workshop {
  readonly directory: string;
  readonly coordinator: CoordinatorProcess;
  readonly fleet: FleetView;
  readonly #commands: WoProcess[] = [];
  readonly #lastResort: LastResort;

  /** Starts the coordinator; ends and removes everything when the test ends, and shows logs when it failed. */
  static async open(t: Occasion, options: WorkshopOptions = {}): Promise<Workshop> {
    const workshop = await Workshop.closed(t, options);
    await workshop.coordinator.start();
    return workshop;
  }

  /** The same by `wo dev`, which answers too: it is ended by Ctrl-C, as people do it, or with the test. */
  static async dev(t: Occasion): Promise<{ readonly workshop: Workshop; readonly dev: WoProcess }> {
    const workshop = await Workshop.closed(t);
    const dev = workshop.spawnWo(['dev', '--dir', workshop.directory], { deadlineMs: 120_000 });
    await until('wo dev is ready', () => dev.stdout.startsWith('export WO_CONFIG_DIR=') || notYet(dev.stderr));
    await workshop.coordinator.connect();
    return { workshop, dev };
  }

  /** The same without a coordinator running. */
  static async closed(t: Occasion, options: WorkshopOptions = {}): Promise<Workshop> {
    const workshop = new Workshop(await mkdtemp(join(tmpdir(), 'wombat-e2e-')), options);
    t.teardown(async () => await workshop.#close(t));
    return workshop;
  }

  private constructor(directory: string, { settings = {}, environment }: WorkshopOptions) {
    this.directory = directory;
    this.#lastResort = new LastResort(directory);
    this.coordinator = new CoordinatorProcess({ home: directory, settings, environment: environment?.(directory) ?? {} });
    this.fleet = new FleetView(() => this.coordinator.control);
  }

  /** Starts a `wo` and leaves it running. */
  spawnWo(words: readonly string[], times: WoTimes = {}): WoProcess {
    const command = new WoProcess(words, { ...times, configDirectory: this.directory });
    this.#commands.push(command);
    return command;
  }

  /** Runs a `wo` to its end, however that is. */
  async wo(...words: readonly string[]): Promise<WoResult> {
    return await this.spawnWo(words).ended;
  }

  /** A `wo` on a real terminal; whoever asks for it closes it. */
  terminal(words: readonly string[], options: TerminalOptions = {}): Terminal {
    return new Terminal([launchers.wo, ...words], { ...options, environment: { WO_CONFIG_DIR: this.directory, HOME: this.directory, ...options.environment } });
  }

  /** Runs a `wo` that must succeed, and answers what it printed. */
  async ok(...words: readonly string[]): Promise<string> {
    const result = await this.wo(...words);
    if (result.code !== 0) throw new Error(`this should succeed: ${tellResult(result)}`);
    return result.stdout.trim();
  }

  /** Kills the coordinator as a power cut does, and starts it again on the same directory. */
  async restartCoordinator(): Promise<Addresses> {
    await this.coordinator.kill();
    return await this.coordinator.start();
  }

  processes(): Process[] {
    return processesIn(this.directory);
  }

  agents(hostId?: string): Process[] {
    return agentsAmong(this.processes()).filter(({ environment }) => hostId === undefined || environment['WOMBAT_HOST_ID'] === hostId);
  }

  /** All that runs for a node: its shim, its program, and what that started. */
  processesOfNode(nodeId: string): Process[] {
    return this.processes().filter(({ environment }) => environment['WOMBAT_NODE_ID'] === nodeId);
  }

  beams(): Process[] {
    return this.processes().filter(isBeam);
  }

  /** Directories of hosts under all providers. */
  hostDirectories(): string[] {
    const providers = join(this.coordinator.directory, 'providers');
    return list(providers).flatMap((provider) => list(join(providers, provider, 'hosts')).map((host) => join(providers, provider, 'hosts', host)));
  }

  /** Directories of nodes on all hosts. */
  nodeDirectories(): string[] {
    return this.hostDirectories().flatMap((host) => list(join(host, 'nodes')).map((node) => join(host, 'nodes', node)));
  }

  /** Waits until so many nodes are running, and answers them. */
  async untilRunning(amount: number, patience?: Patience): Promise<Node[]> {
    return await until(`${amount} nodes are running`, async () => {
      const nodes = await this.fleet.nodes();
      const running = nodes.filter(({ phase }) => phase === NodePhase.RUNNING);
      return running.length === amount && nodes.length === amount ? nodes : notYet(nodes.map(tellNode));
    }, patience);
  }

  /** The tail of a log of the coordinator and of each agent. */
  logTails(): string {
    const logs = [this.coordinator.log, ...this.hostDirectories().flatMap((host) => [join(host, 'agent.log'), join(host, 'agent.out')])];
    return logs.map((path) => `--- ${path.replace(this.directory, '')}\n${tail(path)}`).join('\n');
  }

  async #close(t: Occasion): Promise<void> {
    if (!t.passing()) t.comment(this.logTails());
    for (const command of this.#commands) command.kill('SIGKILL');
    await Promise.allSettled(this.#commands.map(({ ended }) => ended));
    await this.coordinator.kill();
    await endProcessesIn(this.directory);
    const left = this.processes();
    // Release trees are read-only.
    await run('chmod', ['-R', 'u+rwX', this.directory]).catch(() => undefined);
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
    this.#lastResort.dismiss();
    if (left.length > 0) throw new Error(`the test leaves processes behind: ${left.map(describeProcess).join('; ')}`);
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function tail(path: string): string {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-logTailLines).map((line) => line.slice(0, 400)).join('\n');
  } catch {
    return '(none)';
  }
}
