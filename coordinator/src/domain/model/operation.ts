import type { StoredError, StoredObject, Waiting } from './object.js';

export type OperationKind = 'deploy' | 'start' | 'stop' | 'restart' | 'drain' | 'remove' | 'drain_host' | 'remove_host' | 'replace';
export type OperationState = 'running' | 'succeeded' | 'failed' | 'partial' | 'cancelling' | 'cancelled';
export type PlanAction = 'create_host' | 'create_node' | 'start_node' | 'stop_node' | 'restart_node' | 'drain_node' | 'remove_node' | 'destroy_host';

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

/** A durable record of something asked for. Its nodes carry its id: progress is read off them. */
export interface Operation extends StoredObject {
  readonly kind: OperationKind;
  readonly state: OperationState;
  readonly familyId: string;
  readonly principal: string;
  readonly plan: readonly PlanEntry[];
  readonly progress: OperationProgress;
  readonly waiting?: Waiting;
  readonly error?: StoredError;
  readonly deadline?: number;
  readonly finishedAt?: number;
}
