import type {
  AcknowledgeOutcomes, Assignments, CancelExec, ChannelData, Exec, ExecOutcome, ExecProgress, JournalDamage, MeasureData, NodeStatus, OpenConsole, ReadExecOutput, ReadFiles, ReadLogs,
} from '@wombat/proto/agent';

/** Hands over what comes from the other end of a channel, one message after another: the next one waits for the promise. */
export type Listen = (take: (data: Uint8Array) => Promise<void>) => void;

/** What the session hands its frames to, and where it gets what it reports. */
export interface SessionHandlers {
  /** Resolves when the assignments are in the journal; converging goes on by itself. */
  assignments(frame: Assignments): Promise<void>;
  exec(frame: Exec): Promise<void>;
  cancelExec(frame: CancelExec): void;
  acknowledgeOutcomes(frame: AcknowledgeOutcomes): Promise<void>;
  readLogs(request: ReadLogs, signal: AbortSignal): AsyncIterable<ChannelData>;
  readExecOutput(request: ReadExecOutput, signal: AbortSignal): AsyncIterable<ChannelData>;
  readFiles(request: ReadFiles, signal: AbortSignal): AsyncIterable<ChannelData>;
  measureData(request: MeasureData, signal: AbortSignal): AsyncIterable<ChannelData>;
  /** `listen` is for what comes over the channel from the other end. */
  openConsole(request: OpenConsole, listen: Listen, signal: AbortSignal): AsyncIterable<ChannelData>;

  /** Sync id of the newest assignments in the journal. */
  journalPosition(): bigint;
  /** What could not be used of the agent's journals, and has not been told yet. */
  journalDamages(): readonly JournalDamage[];
  /** Of every node on this host. */
  statuses(): readonly NodeStatus[];
  /** Not yet acknowledged. */
  pendingOutcomes(): readonly ExecOutcome[];
  /** Called with each change; answers the function that ends it. */
  onStatus(listener: (status: NodeStatus) => void): () => void;
  onOutcome(listener: (outcome: ExecOutcome) => void): () => void;
  /** Of commands that run; the listener answers whether it takes it now, and is asked again otherwise. */
  onProgress(listener: (progress: ExecProgress) => boolean): () => void;
}

/** Where release tarballs come from: the coordinator, over the session's connection. */
export interface ArtifactSource {
  /** Waits for a connection: retries of its caller's own would come late, the later the longer there was none. */
  fetch(sha256: string, offset: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}
