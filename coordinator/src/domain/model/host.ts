import type { AgentUpdate } from './agent-update.js';
import type { Attributes, StoredError, StoredObject, Waiting } from './object.js';

export const hostPhases = ['requested', 'creating', 'booting', 'up', 'unknown', 'draining', 'destroying', 'gone', 'failed', 'lost'] as const;
export type HostPhase = (typeof hostPhases)[number];

/** A machine with an agent on it. Belongs to (provider, image, hardware profile, region, zone), not to a family. */
export interface Host extends StoredObject {
  readonly providerId: string;
  readonly image: string;
  readonly hardwareProfile: string;
  readonly region: string;
  readonly zone: string;
  /** Idempotency key of its creation, also the tag `wombat-key`. */
  readonly key: string;
  readonly phase: HostPhase;
  readonly phaseSince: number;
  readonly desired: 'present' | 'absent';
  readonly waiting?: Waiting;
  readonly machineId: string;
  readonly addresses: readonly string[];
  /** What the driver told of the machine: "erlang.epmd-port", ... */
  readonly attributes?: Attributes;
  /** Facts message of the agent contract as JSON. */
  readonly facts?: unknown;
  /** The family whose firewall its machine is in, at a provider that enforces them; no other family's nodes go there. */
  readonly firewallFamilyId?: string;
  /** How often its machine was asked for. */
  readonly attempts: number;
  /** Its machine was asked for and nobody answered: there may be one that the provider does not list yet. */
  readonly unansweredSince?: number;
  readonly lastSeenAt?: number;
  /** While it is `unknown` or `lost`. */
  readonly silentSince?: number;
  /** While it is `unknown` or `lost`: it was to be drained, and is when it comes back. */
  readonly isDraining?: boolean;
  readonly certificateNotAfter?: number;
  readonly lastError?: StoredError;
  /** Nodes that run on it and have no row here: the store was set up from an older backup. */
  readonly unknownNodeIds?: readonly string[];
  /** Sha256 of the package that its agent runs from; not there when it was not installed from one. */
  readonly agentPackage?: string;
  readonly agentUpdate?: AgentUpdate;
  /** The operation that drives it, while one does. */
  readonly operationId?: string;
}
