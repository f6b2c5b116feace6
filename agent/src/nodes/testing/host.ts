import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { durationFromMs, newId } from '@wombat/proto';
import {
  DesiredState, ExecJob, NodePhase, RestartMode, RunMode,
  type Assignment, type ExecOutcome, type NodeSpec, type NodeStatus, type RunSpec,
} from '@wombat/proto/agent';
import type { Action } from '@wombat/proto/types';
import type { ArtifactSource } from '../../session/handlers.js';
import { memoryLog } from '../../testing/log-memory.js';
import { noArtifacts } from '../../testing/no-artifacts.js';
import { until } from '../../testing/until.js';
import { AgentCore } from '../agent-core.js';
import { CopyingReleases } from './copying-releases.js';

/** A directory with agents in it, one after another, whose nodes are real processes. */
export class TestHost {
  readonly directory = mkdtempSync(join(tmpdir(), 'wombat-core-'));
  readonly hostId = newId('host');
  readonly tree = join(this.directory, 'tree');
  readonly releases = new CopyingReleases(this.tree);
  readonly statuses: NodeStatus[] = [];
  readonly outcomes: ExecOutcome[] = [];
  readonly log = memoryLog();
  /** What the coordinator has for this host. */
  artifacts: ArtifactSource = noArtifacts;
  /** Another one is another boot of the machine. */
  bootId = 'boot';
  core!: AgentCore;
  #syncId = 0n;

  /** Scripts of the release, by their path. */
  constructor(scripts: Readonly<Record<string, string>> = {}) {
    mkdirSync(this.tree);
    for (const [path, text] of Object.entries({ 'bin/run': '#!/bin/sh\nexec sleep 1000\n', ...scripts })) {
      mkdirSync(join(this.tree, path, '..'), { recursive: true });
      writeFileSync(join(this.tree, path), text);
      chmodSync(join(this.tree, path), 0o755);
    }
  }

  get agentDirectory(): string {
    return join(this.directory, 'agent');
  }

  async start(): Promise<AgentCore> {
    this.core = new AgentCore({
      directory: this.agentDirectory,
      hostId: this.hostId,
      bootId: this.bootId,
      releases: this.releases,
      artifacts: this.artifacts,
      log: this.log.log,
      epmd: { directory: join(this.directory, 'epmd'), addresses: [] },
    });
    this.core.onStatus((status) => this.statuses.push(status));
    this.core.onOutcome((outcome) => this.outcomes.push(outcome));
    await this.core.start();
    return this.core;
  }

  /** Another agent in the same directory, as after a restart. */
  async restart(): Promise<AgentCore> {
    await this.core.stop();
    return this.start();
  }

  assign(...assignments: Assignment[]): Promise<void> {
    return this.core.assignments({ syncId: ++this.#syncId, assignments, fullSync: false, first: false, last: false });
  }

  fullSync(...assignments: Assignment[]): Promise<void> {
    return this.core.assignments({ syncId: ++this.#syncId, assignments, fullSync: true, first: true, last: true });
  }

  status(nodeId: string): NodeStatus | undefined {
    return this.core.statuses().find((status) => status.nodeId === nodeId);
  }

  /** Waits until the node is in a phase, and answers its status then. */
  reaches(nodeId: string, phase: NodePhase, also: (status: NodeStatus) => boolean = () => true): Promise<NodeStatus> {
    return until(() => {
      const status = this.status(nodeId);
      return status?.phase === phase && also(status) ? status : undefined;
    }, `${nodeId} to be ${NodePhase[phase]}; it is ${NodePhase[this.status(nodeId)?.phase ?? 0]}`, 20_000);
  }

  exec(targetIds: readonly string[], action: Action['kind'], options: { jobId?: string; timeoutMs?: number; outputLimitBytes?: number } = {}): Promise<void> {
    const { jobId = newId('job'), timeoutMs = 20_000, outputLimitBytes = 0 } = options;
    const job = ExecJob.encode({ jobId, action: { kind: action }, timeout: durationFromMs(timeoutMs), live: false, outputLimitBytes: BigInt(outputLimitBytes) }).finish();
    return this.core.exec({ sequence: 1n, targetIds: [...targetIds], job: Buffer.from(job) });
  }

  outcome(targetId: string): Promise<ExecOutcome> {
    return until(() => this.outcomes.find((outcome) => outcome.targetId === targetId), `an outcome of ${targetId}`, 20_000);
  }

  /** Ends the agent and every process that was started in this directory. */
  async end(): Promise<void> {
    await this.core.stop();
    const broken = this.log.lines.filter((line) => line.includes('WO_INTERNAL') || line.includes('"level":50'));
    if (broken.length > 0) throw new Error(`the agent said: ${broken.join('')}`);
    for (const pid of processesOf(this.hostId)) kill(pid);
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

export function nodeSpec(changes: Partial<NodeSpec> & { runs?: Partial<RunSpec> } = {}): NodeSpec {
  const { runs, ...rest } = changes;
  return {
    familyId: newId('fam'),
    familyName: 'sleepers',
    name: 'sleeper-1',
    artifact: { sha256: 'a'.repeat(64), sizeBytes: 1n, sharedPaths: [] },
    run: {
      mode: RunMode.FOREGROUND,
      start: ['bin/run'],
      stop: undefined,
      ready: { kind: { $case: 'aliveFor', value: durationFromMs(50) } },
      readyTimeout: undefined,
      stopTimeout: undefined,
      termTimeout: undefined,
      pidCommand: [],
      ...runs,
    },
    files: [],
    environment: {},
    secrets: [],
    ports: [],
    erlang: undefined,
    restart: { mode: RestartMode.ALWAYS, tries: 3, interval: undefined, delay: durationFromMs(20) },
    limits: undefined,
    requirements: undefined,
    logFiles: [],
    address: '',
    ...rest,
  };
}

export function assignment(nodeId: string, changes: Partial<Assignment> = {}): Assignment {
  return { nodeId, generation: 1n, desired: DesiredState.RUNNING, restartGeneration: 0n, spec: nodeSpec(), keepData: false, ...changes };
}

/** Pids of all processes of a host, by their environment. */
export function processesOf(hostId: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`WOMBAT_HOST_ID=${hostId}\0`);
    } catch {
      return false;
    }
  });
}

export function kill(pid: number | bigint, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(Number(pid), signal);
  } catch {
    // Gone already.
  }
}
