import type { StoredError } from './object.js';

/** How the agent of a host is brought to another package; of the last operation that took it. */
export interface AgentUpdate {
  readonly operationId: string;
  readonly sha256: string;
  readonly state: 'active' | 'done' | 'failed';
  readonly since: number;
  readonly error?: StoredError;
}

export interface WantedPackage {
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** How an update of agents goes on; its plan names the hosts. */
export interface AgentUpdateTerms {
  /** So many of the plan are done before another is begun. */
  readonly canary: number;
  /** So many are under way at once afterwards. */
  readonly atOnce: number;
  /** By architecture, as it was when it was planned. */
  readonly packages: Readonly<Record<string, WantedPackage>>;
}
