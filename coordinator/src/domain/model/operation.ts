import type { StoredError, StoredObject, Waiting } from './object.js';

export type OperationKind = 'deploy' | 'start' | 'stop' | 'restart' | 'drain' | 'remove' | 'update' | 'drain_host' | 'remove_host' | 'replace';
export type OperationState = 'running' | 'succeeded' | 'failed' | 'partial' | 'cancelling' | 'cancelled';
export type PlanAction = 'create_host' | 'create_node' | 'start_node' | 'stop_node' | 'restart_node' | 'drain_node' | 'remove_node' | 'update_node' | 'destroy_host';

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

export interface OperationProgress {
  readonly total: number;
  readonly done: number;
  readonly failed: number;
}

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
  readonly familyId: string;
  readonly principal: string;
  readonly plan: readonly PlanEntry[];
  readonly progress: OperationProgress;
  /** Of an update. */
  readonly update?: UpdateTerms;
  readonly waiting?: Waiting;
  readonly error?: StoredError;
  readonly deadline?: number;
  readonly finishedAt?: number;
}
