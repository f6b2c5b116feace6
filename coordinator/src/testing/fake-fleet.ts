import { ExecJob, Outcome, type Assignment, type ChannelData, type ExecOutcome, type Sample, type UpdateAgent } from '@wombat/proto/agent';
import type { Channel, ChannelPurpose, Fleet } from '../fleet/fleet.js';

/** One command as it was sent to one target. */
export interface SentExec {
  readonly hostId: string;
  readonly targetId: string;
  readonly job: ExecJob;
}

/** What an agent says of a command that ended with this exit code. */
export function outcomeOf(exec: Pick<SentExec, 'targetId'> & { readonly job: Pick<ExecJob, 'jobId'> }, exitCode = 0, stdout = '', fields: Partial<ExecOutcome> = {}): ExecOutcome {
  const head = Buffer.from(stdout);
  return {
    jobId: exec.job.jobId,
    targetId: exec.targetId,
    outcome: exitCode === 0 ? Outcome.OK : Outcome.FAILED,
    exit: { kind: { $case: 'code', value: exitCode } },
    startedAt: new Date(1_000),
    finishedAt: new Date(2_000),
    stdout: { head, sizeBytes: BigInt(head.length), lostBytes: 0n },
    stderr: { head: Buffer.alloc(0), sizeBytes: 0n, lostBytes: 0n },
    error: undefined,
    ...fields,
  };
}

/** A fleet without a wire: remembers what was sent, and lets the test play the agents. */
export class FakeFleet implements Fleet {
  readonly connected = new Set<string>();
  readonly assignments: { readonly hostId: string; readonly assignment: Assignment }[] = [];
  readonly execs: SentExec[] = [];
  readonly cancelled: { readonly hostId: string; readonly jobId: string; readonly targetIds: readonly string[] }[] = [];
  readonly disconnected: { readonly hostId: string; readonly reason: string }[] = [];
  readonly opened: { readonly hostId: string; readonly purpose: ChannelPurpose }[] = [];
  readonly agentUpdates: { readonly hostId: string; readonly update: UpdateAgent }[] = [];
  /** Whether its agents were installed so that they can be updated. */
  updatable = true;
  onUpdateAgent: (hostId: string, update: UpdateAgent) => void = () => undefined;
  /** What was said to agents over channels. */
  readonly sent: Uint8Array[] = [];
  /** Called for each command that goes out: where a test answers as the agent would. */
  onExec: (exec: SentExec) => void = () => undefined;
  /** Called when assignments have gone out to a connected host. */
  onAssignments: (hostId: string, assignments: readonly Assignment[]) => void = () => undefined;
  /** What a channel carries. */
  channel: (purpose: ChannelPurpose) => AsyncIterable<ChannelData> = async function* () {};

  connect(...hostIds: readonly string[]): void {
    for (const hostId of hostIds) this.connected.add(hostId);
  }

  isConnected(hostId: string): boolean {
    return this.connected.has(hostId);
  }

  connectedHosts(): readonly string[] {
    return [...this.connected];
  }

  versions(): ReadonlyMap<string, number> {
    return new Map([['0.1.0', this.connected.size]]);
  }

  can(hostId: string): boolean {
    return this.connected.has(hostId) && this.updatable;
  }

  updateAgent(hostId: string, update: UpdateAgent): boolean {
    if (!this.connected.has(hostId)) return false;
    this.agentUpdates.push({ hostId, update });
    queueMicrotask(() => this.onUpdateAgent(hostId, update));
    return true;
  }

  sample(): Sample | undefined {
    return undefined;
  }

  clockSkewMs(): number | undefined {
    return undefined;
  }

  sendAssignments(hostId: string, assignments: readonly Assignment[]): boolean {
    if (!this.connected.has(hostId)) return false;
    for (const assignment of assignments) this.assignments.push({ hostId, assignment });
    queueMicrotask(() => this.onAssignments(hostId, assignments));
    return true;
  }

  sendExec(bytes: Uint8Array, targets: ReadonlyMap<string, readonly string[]>): readonly string[] {
    const job = ExecJob.decode(bytes);
    const unreachable: string[] = [];
    for (const [hostId, targetIds] of targets) {
      if (!this.connected.has(hostId)) unreachable.push(hostId);
      else for (const targetId of targetIds) this.#send({ hostId, targetId, job });
    }
    return unreachable;
  }

  cancelExec(hostId: string, jobId: string, targetIds: readonly string[]): void {
    this.cancelled.push({ hostId, jobId, targetIds });
  }

  openChannel(hostId: string, purpose: ChannelPurpose): Channel {
    this.opened.push({ hostId, purpose });
    return Object.assign(this.channel(purpose), { send: async (data: Buffer) => void this.sent.push(data) });
  }

  disconnect(hostId: string, reason: string): void {
    this.connected.delete(hostId);
    this.disconnected.push({ hostId, reason });
  }

  /** Not before the sender has returned: an answer over a wire takes its time too. */
  #send(exec: SentExec): void {
    this.execs.push(exec);
    queueMicrotask(() => this.onExec(exec));
  }
}
