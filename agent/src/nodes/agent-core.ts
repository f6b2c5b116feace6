import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { systemClock, type Clock } from '@wombat/proto';
import type { AcknowledgeOutcomes, Assignments, CancelExec, ChannelData, Exec, ExecOutcome, ExecProgress, JournalDamage, MeasureData, NodeStatus, OpenConsole, ReadExecOutput, ReadFiles, ReadLogs } from '@wombat/proto/agent';
import { openConsole } from '../actions/console/console.js';
import { ExecAction } from '../actions/exec.js';
import { ExecLedger } from '../actions/exec-ledger.js';
import { ExecPolicyFile } from '../actions/exec-policy.js';
import { ExecSecrets } from '../actions/exec-secrets.js';
import type { ExecServices } from '../actions/exec-services.js';
import { measureData } from '../actions/measure-data.js';
import { pruneExec } from '../actions/prune-exec.js';
import { readExecOutput } from '../actions/read-exec-output.js';
import { readFiles } from '../actions/read-files.js';
import { checkReadLogs, readLogs } from '../actions/read-logs.js';
import { Epmd } from '../erlang/epmd.js';
import { EpmdKeeper, type EpmdUse } from '../erlang/epmd-keeper.js';
import { LogKeeper, type LoggedNode } from '../logs/log-keeper.js';
import { defaultPath } from '../processes/clean-environment.js';
import { LeftBehind } from '../processes/left-behind.js';
import { MemoryGroups } from '../processes/memory-group.js';
import { Runner } from '../processes/runner.js';
import type { ReleaseStore } from '../releases/release-store.js';
import type { ArtifactSource, Listen, SessionHandlers } from '../session/handlers.js';
import { NodeJournal } from './node-journal.js';
import { epmdSource } from './node-launch.js';
import type { NodeServices } from './node-services.js';
import { NodeTable, nodeJournalFile } from './node-table.js';
import { Slots } from './slots.js';

export interface AgentCoreOptions {
  /** Everything of the agent's lies below it; no other agent may use it. */
  readonly directory: string;
  readonly hostId: string;
  /** Changes when the machine boots. */
  readonly bootId: string;
  readonly releases: ReleaseStore;
  /** Where files come from that are put on the host. */
  readonly artifacts: ArtifactSource;
  readonly log: Logger;
  readonly epmd: EpmdSettings;
  /** @default the system's */
  readonly clock?: Clock;
  /** Where programs of nodes and commands are looked for. @default the agent's own PATH */
  readonly path?: string;
  /** What of commands this host allows. @default exec-policy.json in the directory, if there is one */
  readonly execPolicyFile?: string | undefined;
  /** Commands that may wait for others to end. @default 1,000 */
  readonly execQueue?: number;
  /** Nodes that start at once. @default 8 */
  readonly startsAtOnce?: number;
}

export interface EpmdSettings {
  /** Of the epmd, its record and log; agents that share an epmd share it. */
  readonly directory: string;
  /** Where it shall answer besides loopback, at most 14. None: everywhere. */
  readonly addresses: readonly string[];
}

const housekeepingMs = 3600_000;

/** The heart of an agent: what the session hands its frames to. Nodes and commands outlive it. */
export class AgentCore implements SessionHandlers {
  readonly #options: AgentCoreOptions;
  readonly #clock: Clock;
  readonly #runner = new Runner();
  readonly #statusListeners = new Set<(status: NodeStatus) => void>();
  readonly #outcomeListeners = new Set<(outcome: ExecOutcome) => void>();
  readonly #progressListeners = new Set<(progress: ExecProgress) => boolean>();
  readonly #journal: NodeJournal;
  readonly #ledger: ExecLedger;
  readonly #execServices: ExecServices;
  readonly #exec: ExecAction;
  readonly #logs: LogKeeper;
  readonly #epmd: Epmd;
  readonly #epmdKeeper: EpmdKeeper;
  #table: NodeTable | undefined;
  #housekeeping: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: AgentCoreOptions) {
    this.#options = options;
    const { directory, hostId, log, artifacts } = options;
    const clock = options.clock ?? systemClock;
    this.#clock = clock;
    this.#journal = new NodeJournal({ file: nodeJournalFile(directory), clock });
    this.#ledger = new ExecLedger({ file: join(directory, 'exec.journal'), clock });
    this.#logs = new LogKeeper({ directory, clock, log, nodes: () => this.#loggedNodes() });
    this.#epmd = new Epmd({ ...options.epmd, clock, runner: this.#runner, path: this.#path });
    this.#epmdKeeper = new EpmdKeeper({ epmd: this.#epmd, log, uses: () => this.#epmdUses() });
    this.#execServices = {
      directory, hostId, clock, log, artifacts,
      path: this.#path,
      runner: this.#runner,
      leftBehind: new LeftBehind(log),
      queueLimit: options.execQueue ?? 1_000,
      policy: new ExecPolicyFile({ directory, file: options.execPolicyFile }),
      ledger: this.#ledger,
      secrets: new ExecSecrets(directory),
      nodeContext: (nodeId) => this.#table?.get(nodeId)?.context,
      onOutcome: (outcome) => this.#outcomeListeners.forEach((listener) => listener(outcome)),
      onProgress: (progress) => [...this.#progressListeners].some((listener) => listener(progress)),
    };
    this.#exec = new ExecAction(this.#execServices);
  }

  /** Reads the journals, finds what runs, and converges. Before the session is opened. */
  async start(): Promise<void> {
    await mkdir(this.#options.directory, { recursive: true, mode: 0o700 });
    this.#table = new NodeTable(this.#nodeServices());
    await this.#table.open();
    await this.#openLedger();
    this.#matchKeepers();
    this.#housekeeping = setInterval(() => void this.#keepHouse(), housekeepingMs).unref();
    void this.#keepHouse();
  }

  async #openLedger(): Promise<void> {
    const { log } = this.#options;
    const damage = await this.#exec.open();
    if (!damage) return;
    log.warn({ ...damage }, 'the ledger of commands was damaged; none of them is run a second time');
    await this.#journal.damaged(damage).catch((error: unknown) => log.warn({ err: error }, 'cannot remember that the ledger was damaged'));
  }

  /** Nodes and commands run on, and the next agent in this directory finds them. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#housekeeping);
    this.#matchKeepers();
    await this.#logs.idle();
    await this.#exec.close();
    await this.#table?.close();
  }

  assignments(frame: Assignments): Promise<void> {
    return this.#nodes.assign(frame);
  }

  exec(frame: Exec): Promise<void> {
    return this.#exec.exec(frame);
  }

  cancelExec(frame: CancelExec): void {
    this.#exec.cancel(frame);
  }

  acknowledgeOutcomes(frame: AcknowledgeOutcomes): Promise<void> {
    return this.#exec.acknowledge(frame.outcomes);
  }

  readLogs(request: ReadLogs, signal: AbortSignal): AsyncIterable<ChannelData> {
    checkReadLogs(request);
    return readLogs(request, this.#logs, this.#clock, signal);
  }

  readExecOutput(request: ReadExecOutput, signal: AbortSignal): AsyncIterable<ChannelData> {
    return readExecOutput(request, this.#options.directory, signal);
  }

  readFiles(request: ReadFiles, signal: AbortSignal): AsyncIterable<ChannelData> {
    return readFiles(request, this.#execServices, signal);
  }

  measureData(request: MeasureData, signal: AbortSignal): AsyncIterable<ChannelData> {
    return measureData(request, this.#options.directory, signal);
  }

  openConsole(request: OpenConsole, listen: Listen, signal: AbortSignal): AsyncIterable<ChannelData> {
    return openConsole(request, listen, signal, this.#execServices);
  }

  journalPosition(): bigint {
    return this.#journal.syncId;
  }

  journalDamages(): readonly JournalDamage[] {
    return this.#journal.damages;
  }

  statuses(): readonly NodeStatus[] {
    return this.#nodes.statuses();
  }

  pendingOutcomes(): readonly ExecOutcome[] {
    return this.#ledger.pendingOutcomes();
  }

  onStatus(listener: (status: NodeStatus) => void): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  onOutcome(listener: (outcome: ExecOutcome) => void): () => void {
    this.#outcomeListeners.add(listener);
    return () => this.#outcomeListeners.delete(listener);
  }

  onProgress(listener: (progress: ExecProgress) => boolean): () => void {
    this.#progressListeners.add(listener);
    return () => this.#progressListeners.delete(listener);
  }

  get #path(): string {
    return this.#options.path ?? process.env.PATH ?? defaultPath;
  }

  get #nodes(): NodeTable {
    if (!this.#table) throw new Error('start() comes first');
    return this.#table;
  }

  #nodeServices(): NodeServices {
    const { directory, hostId, bootId, log, releases, startsAtOnce = 8 } = this.#options;
    return {
      directory, hostId, log, releases,
      clock: this.#clock,
      runner: this.#runner,
      path: this.#path,
      epmd: this.#epmd,
      memoryGroups: new MemoryGroups(),
      bootId,
      journal: this.#journal,
      starts: new Slots(startsAtOnce),
      onStatus: (status) => {
        this.#matchKeepers();
        this.#statusListeners.forEach((listener) => listener(status));
      },
    };
  }

  #loggedNodes(): LoggedNode[] {
    const present = (this.#table?.nodes() ?? []).filter(({ phase }) => phase !== 'absent');
    return present.map(({ nodeId, paths, assignment }) => ({ nodeId, paths, logFiles: assignment.spec?.logFiles ?? [] }));
  }

  /** An agent without nodes has nothing to look after, and does nothing every few seconds. */
  #matchKeepers(): void {
    const hasNodes = this.#table?.nodes().some(({ phase }) => phase !== 'absent') ?? false;
    for (const keeper of [this.#logs, this.#epmdKeeper]) {
      if (hasNodes && !this.#isStopped) keeper.start();
      else keeper.stop();
    }
  }

  #epmdUses(): EpmdUse[] {
    return (this.#table?.nodes() ?? []).flatMap(({ phase, context }) => {
      const port = context?.spec.erlang?.epmdPort ?? 0;
      return context && phase === 'ready' && port > 0 ? [{ port, ...epmdSource(context, this.#options) }] : [];
    });
  }

  async #keepHouse(): Promise<void> {
    try {
      await this.#logs.pruneRemoved();
      await pruneExec(this.#options.directory, this.#ledger, this.#clock);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'cannot remove what is no longer kept');
    }
  }
}
