import type { StoredError, StoredObject, Waiting } from './object.js';

/**
 * pending      waits for its host
 * fetching     the host fetches and unpacks the release
 * configuring  its root is made, its files are rendered
 * starting     its process was started, the ready check has not passed
 * ready        the ready check has passed, it is no member of its cluster yet
 * joining      the bootstrap strategy's steps run
 * running      as wanted
 * draining     it leaves its cluster before it is stopped
 * stopping     the stop action runs
 * stopped      its process has ended because that was wanted
 * failed       given up, until somebody asks again
 * unknown      its host is silent
 * gone         nothing of it is left; the row is history
 */
export const nodePhases = [
  'pending', 'fetching', 'configuring', 'starting', 'ready', 'joining', 'running',
  'stopping', 'stopped', 'failed', 'unknown', 'draining', 'gone',
] as const;
export type NodePhase = (typeof nodePhases)[number];
export type NodeDesired = 'running' | 'stopped' | 'absent';

export interface NodePort {
  readonly name: string;
  readonly number: number;
  readonly protocol: 'tcp' | 'udp';
}

/** How far a node is with joining its cluster. Belongs to one start of its process. */
export interface Membership {
  readonly startId: string;
  readonly contactIds: readonly string[];
  readonly joined: boolean;
  readonly joinedAt?: number;
  readonly attempts: number;
  readonly nextTryAt?: number;
}

/** What a node becomes once it has left. */
export type AfterDrain = Partial<Pick<Node, 'desired' | 'keepData' | 'releaseId' | 'familyGeneration' | 'restartGeneration' | 'ports' | 'distributionPort' | 'erlangName'>>;

/**
 * hook   the release's drain command runs
 * leave  the bootstrap strategy's leave steps run
 */
export type DrainStage = 'hook' | 'leave';

/** A node that gets ready to be stopped. What is begun again after a restart of the coordinator is its stage. */
export interface Draining {
  readonly since: number;
  readonly stage: DrainStage;
  readonly then: AfterDrain;
}

/** One running copy of a release, member of one family, on one host. */
export interface Node extends StoredObject {
  readonly familyId: string;
  /** The generation of its family whose specification it runs. */
  readonly familyGeneration: number;
  readonly domainId: string;
  readonly hostId: string;
  readonly releaseId: string;
  /** Position in its family, from 1, never reused. */
  readonly ordinal: number;
  readonly desired: NodeDesired;
  readonly restartGeneration: number;
  readonly keepData: boolean;
  readonly phase: NodePhase;
  readonly phaseSince: number;
  readonly waiting?: Waiting;
  /** While it drains, also when its host is silent meanwhile. */
  readonly draining?: Draining;
  readonly address: string;
  readonly erlangName: string;
  readonly ports: readonly NodePort[];
  readonly distributionPort: number;
  /** Nodes known when its files were rendered. */
  readonly contactIds: readonly string[];
  readonly membership?: Membership;
  readonly pid: number;
  readonly startId: string;
  readonly startedAt?: number;
  readonly restarts: number;
  readonly lastError?: StoredError;
  readonly logTail: string;
  /** The operation that drives it, or did last. */
  readonly operationId: string;
}
