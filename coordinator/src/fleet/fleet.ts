import type { WombatError } from '@wombat/proto';
import type { AgentUpdateFailed, Assignment, ChannelData, ExecOutcome, ExecProgress, Facts, Hello, NodeStatus, OpenChannel, OutcomeRef, Sample, UpdateAgent } from '@wombat/proto/agent';

export type ChannelPurpose = NonNullable<OpenChannel['purpose']>;

/** What an agent says over a channel, no faster than it is read; and the way to answer it. */
export interface Channel extends AsyncIterable<ChannelData> {
  /**
   * Once the agent has said something. Resolves when more may be sent, or the channel is over.
   * @throws WombatError WO_HOST_UNREACHABLE when the agent's stream is not there
   */
  send(data: Buffer): Promise<void>;
}

/** What not every agent can. */
export type AgentFeature = 'agent.update';

/** The connected agents, as the engine and the API see them. */
export interface Fleet {
  isConnected(hostId: string): boolean;
  connectedHosts(): readonly string[];
  /** Version of the connected agents -> how many. */
  versions(): ReadonlyMap<string, number>;
  /** What a connected agent says that it can do. */
  can(hostId: string, feature: AgentFeature): boolean;
  /** The newest sample of a connected host. */
  sample(hostId: string): Sample | undefined;
  /** By how many milliseconds the clock of a connected host is ahead of the coordinator's. */
  clockSkewMs(hostId: string): number | undefined;
  /** False: the host has no session. */
  updateAgent(hostId: string, update: UpdateAgent): boolean;
  /** Cut into frames and queued. False: the host has no session (its next full sync will carry them). */
  sendAssignments(hostId: string, assignments: readonly Assignment[]): boolean;
  /**
   * Sends one job, encoded once, to its targets. Answers the hosts that have no session; the
   * outcomes of the others come through FleetListener.onExecOutcome.
   */
  sendExec(job: Uint8Array, targets: ReadonlyMap<string, readonly string[]>): readonly string[];
  cancelExec(hostId: string, jobId: string, targetIds: readonly string[]): void;
  /** @throws WombatError WO_HOST_UNREACHABLE, WO_CHANNEL_GONE */
  openChannel(hostId: string, purpose: ChannelPurpose, signal: AbortSignal): Channel;
  /** Ends the session now; the agent may come back unless its certificate is refused. */
  disconnect(hostId: string, reason: string): void;
}

/** What the engine hears of agents. Calls of one host come one after another. */
export interface FleetListener {
  /** A session was opened; the answer is the full sync that it begins with. */
  onConnected(hostId: string, hello: Hello): Promise<readonly Assignment[]>;
  /** Its session has ended, or nothing was heard of it for too long (less the coordinator's own loop lag): then `unheardMs` says for how long. */
  onSilent(hostId: string, reason: string, unheardMs: number): Promise<void>;
  onFacts(hostId: string, facts: Facts): Promise<void>;
  onStatus(hostId: string, statuses: readonly NodeStatus[], complete: boolean): Promise<void>;
  /** The outcomes are stored when the promise resolves; only then are they acknowledged. */
  onExecOutcomes(hostId: string, outcomes: readonly ExecOutcome[]): Promise<readonly OutcomeRef[]>;
  /** What a command writes that runs on it. The target may be one of another host. */
  onExecProgress?(hostId: string, progress: ExecProgress): void;
  /** An assignment is larger than a frame and was left out. */
  onUndeliverable?(hostId: string, assignment: Assignment, error: WombatError): Promise<void>;
  /** The agent runs on as it was. */
  onAgentUpdateFailed?(hostId: string, failed: AgentUpdateFailed): Promise<void>;
  /** Two agents claim one identity (a cloned disk); the second was refused. */
  onDuplicateIdentity?(hostId: string, holderPeer: string, refusedPeer: string): Promise<void>;
}
