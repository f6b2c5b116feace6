import type { AgentUpdateTerms } from './agent-update.js';
import type { RestartSpec } from './family.js';
import type { StoredError, StoredObject, Waiting } from './object.js';

export type OperationKind = 'deploy' | 'scale' | 'start' | 'stop' | 'restart' | 'drain' | 'remove' | 'update' | 'drain_host' | 'remove_host' | 'replace' | 'update_agents';
export type OperationState = 'waiting' | 'running' | 'succeeded' | 'failed' | 'partial' | 'cancelling' | 'cancelled';
export type PlanAction = 'create_host' | 'create_node' | 'start_node' | 'stop_node' | 'restart_node' | 'drain_node' | 'remove_node' | 'update_node' | 'update_agent' | 'destroy_host';

export interface PlanEntry {
  readonly action: PlanAction;
  readonly nodeId: string;
  readonly nodeName: string;
  readonly hostId: string;
  readonly domainId: string;
  readonly reason: string;
  /** As they were when it was planned; records of older versions have none. */
  readonly hostName?: string;
  readonly domainName?: string;
}

/**
 * waiting  nothing has begun
 * active   it is under way
 * done     as the plan says
 * failed   given up
 * left     no longer this operation's: cancelled, never reached, taken over by a later one, or nothing is known of it any more
 */
export type StepState = 'waiting' | 'active' | 'done' | 'failed' | 'left';

/** Where an entry of a plan stands. */
export interface Step {
  readonly state: StepState;
  readonly since?: number;
  readonly why: string;
}

export interface OperationProgress {
  readonly total: number;
  readonly done: number;
  readonly failed: number;
}

export type NodeChange = 'start' | 'stop' | 'restart' | 'drain' | 'remove';

/** Of a family's environment; its secrets are sealed as those of the family. */
export interface EnvironmentChange {
  readonly environment: Readonly<Record<string, string>>;
  readonly sealedSecrets: Readonly<Record<string, string>>;
  readonly unset: readonly string[];
}

/** What a family shall say otherwise; what is left out stays. */
export interface FamilyChange {
  readonly releaseId?: string;
  readonly environment?: EnvironmentChange;
  readonly restart?: Partial<RestartSpec>;
}

/** What was asked for, by ids: planned against the state of when it starts. */
export type Wish =
  /** `releaseId` empty: the family's. */
  | { readonly kind: 'deploy'; readonly familyId: string; readonly amount: number; readonly releaseId: string; readonly timeoutMs: number }
  | { readonly kind: 'scale'; readonly familyId: string; readonly amount: number; readonly keepData: boolean; readonly noDrain: boolean; readonly timeoutMs: number }
  /** `familyIds`: every node that each has then. */
  | {
      readonly kind: 'change'; readonly change: NodeChange; readonly nodeIds: readonly string[]; readonly familyIds: readonly string[];
      readonly keepData: boolean; readonly noDrain: boolean; readonly timeoutMs: number;
    }
  /** `backTo`: an earlier generation of the family, 0 for the last one that nodes ran; then nothing is changed besides. */
  | {
      readonly kind: 'update'; readonly familyId: string; readonly change: FamilyChange; readonly backTo?: number;
      readonly maxParallel: number; readonly settleMs: number; readonly timeoutMs?: number;
    }
  /** The nodes that the family has on a host that is lost, or is said to be dead. */
  | { readonly kind: 'replace'; readonly familyId: string; readonly hostId: string; readonly fenced: boolean }
  | { readonly kind: 'drain_host'; readonly hostId: string; readonly noDrain: boolean };

/** How an update goes on; its plan names the nodes. */
export interface UpdateTerms {
  /** What the nodes go over to. */
  readonly familyGeneration: number;
  /** So many nodes may be away from running at once. */
  readonly maxParallel: number;
  /** A node must have run so long before the next one is taken. */
  readonly settleMs: number;
  /** Where no deadline was asked for: a node that is taken has so long from then on. */
  readonly roundTimeoutMs?: number;
}

/** A durable record of something asked for. Its nodes carry its id: progress is read off them. */
export interface Operation extends StoredObject {
  readonly kind: OperationKind;
  readonly state: OperationState;
  /** Empty when it is about several families, or none. */
  readonly familyId: string;
  /** The families that it holds, where `familyId` does not say it. */
  readonly familyIds?: readonly string[];
  readonly principal: string;
  readonly plan: readonly PlanEntry[];
  readonly progress: OperationProgress;
  /** Of an update. */
  readonly update?: UpdateTerms;
  /** Of an update of agents. */
  readonly agents?: AgentUpdateTerms;
  readonly waiting?: Waiting;
  readonly error?: StoredError;
  readonly deadline?: number;
  readonly finishedAt?: number;
  /** While it waits for its turn. */
  readonly wish?: Wish;
  /** Waiting operations take their turns by this number. */
  readonly turn?: number;
  readonly cancelledBy?: string;
  /** What a cancelled one has left. */
  readonly rest?: string;
  /** Where each entry of the plan stood when it ended; records of older versions and very large ones have none. */
  readonly outcomes?: readonly Step[];
}
