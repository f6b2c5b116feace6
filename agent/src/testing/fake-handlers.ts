import { PassThrough } from 'node:stream';
import type {
  AcknowledgeOutcomes, Assignments, CancelExec, ChannelData, Exec, ExecOutcome, ExecProgress, JournalDamage, MeasureData, NodeStatus, OpenConsole, ReadExecOutput, ReadFiles, ReadLogs,
} from '@wombat/proto/agent';
import type { Listen, SessionHandlers } from '../session/handlers.js';

/** Remembers what the session hands it, and reports what a test puts into it. */
export class FakeHandlers implements SessionHandlers {
  readonly received: { readonly kind: string; readonly value: unknown }[] = [];
  nodes: NodeStatus[] = [];
  outcomes: ExecOutcome[] = [];
  position = 0n;
  damages: JournalDamage[] = [];
  log: (request: ReadLogs, signal: AbortSignal) => AsyncIterable<ChannelData> = async function* () {};
  onAssignments: (frame: Assignments) => Promise<void> = async () => undefined;
  readonly #statusListeners = new Set<(status: NodeStatus) => void>();
  readonly #outcomeListeners = new Set<(outcome: ExecOutcome) => void>();
  readonly #progressListeners = new Set<(progress: ExecProgress) => boolean>();

  async assignments(value: Assignments): Promise<void> {
    await this.onAssignments(value);
    this.received.push({ kind: 'assignments', value });
    this.position = value.syncId;
  }

  async exec(value: Exec): Promise<void> {
    this.received.push({ kind: 'exec', value });
  }

  cancelExec(value: CancelExec): void {
    this.received.push({ kind: 'cancelExec', value });
  }

  async acknowledgeOutcomes(value: AcknowledgeOutcomes): Promise<void> {
    this.received.push({ kind: 'acknowledgeOutcomes', value });
  }

  readLogs(request: ReadLogs, signal: AbortSignal): AsyncIterable<ChannelData> {
    return this.log(request, signal);
  }

  async *readExecOutput(_: ReadExecOutput): AsyncIterable<ChannelData> {
    yield { offset: 0n, data: Buffer.from('output'), lostBytes: 0n, log: undefined };
  }

  async *readFiles(_: ReadFiles): AsyncIterable<ChannelData> {
    yield { offset: 0n, data: Buffer.from('files'), lostBytes: 0n, log: undefined };
  }

  async *measureData(_: MeasureData): AsyncIterable<ChannelData> {
    yield { offset: 0n, data: Buffer.from('sizes'), lostBytes: 0n, log: undefined };
  }

  async *openConsole(_: OpenConsole, listen: Listen): AsyncIterable<ChannelData> {
    const received = new PassThrough({ objectMode: true });
    listen(async (data) => void received.write(data));
    for await (const data of received) yield { offset: 0n, data: data as Buffer, lostBytes: 0n, log: undefined };
  }

  journalDamages(): readonly JournalDamage[] {
    return this.damages;
  }

  journalPosition(): bigint {
    return this.position;
  }

  statuses(): readonly NodeStatus[] {
    return this.nodes;
  }

  pendingOutcomes(): readonly ExecOutcome[] {
    return this.outcomes;
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

  progress(progress: ExecProgress): boolean {
    return [...this.#progressListeners].some((listener) => listener(progress));
  }

  changeStatus(status: NodeStatus): void {
    for (const listener of this.#statusListeners) listener(status);
  }

  finish(outcome: ExecOutcome): void {
    for (const listener of this.#outcomeListeners) listener(outcome);
  }
}
