import type { ErrorCode } from '@wombat/proto';
import type { Domain, Family, FamilyRevision } from '../domain/model/family.js';
import type { Event, NewEvent } from '../domain/model/event.js';
import type { Host } from '../domain/model/host.js';
import type { HostCertificate, JoinToken, OperatorToken } from '../domain/model/identity.js';
import type { Job, JobTarget } from '../domain/model/job.js';
import type { Node } from '../domain/model/node.js';
import type { StoredObject } from '../domain/model/object.js';
import type { Operation } from '../domain/model/operation.js';
import type { Provider } from '../domain/model/provider.js';
import type { Release } from '../domain/model/release.js';
import type { Stray } from '../domain/model/stray.js';

/** Every kind of object, by the name of its collection. */
export interface Kinds {
  providers: Provider;
  releases: Release;
  families: Family;
  familyRevisions: FamilyRevision;
  domains: Domain;
  hosts: Host;
  nodes: Node;
  operations: Operation;
  joinTokens: JoinToken;
  hostCertificates: HostCertificate;
  operatorTokens: OperatorToken;
  jobs: Job;
  jobTargets: JobTarget;
  strays: Stray;
}
export type Kind = keyof Kinds;

/** Fields that may be asked for by equality; each has an index, those of targets with their job. */
export interface Indexed {
  providers: 'name' | 'driver';
  releases: 'name' | 'version' | 'digest';
  families: 'name';
  familyRevisions: 'familyId';
  domains: 'name' | 'familyId' | 'providerId';
  hosts: 'name' | 'providerId' | 'phase' | 'key';
  nodes: 'name' | 'familyId' | 'familyGeneration' | 'releaseId' | 'hostId' | 'phase' | 'operationId' | 'desired';
  operations: 'name' | 'familyId' | 'state' | 'kind';
  joinTokens: 'hostId';
  hostCertificates: 'hostId';
  operatorTokens: 'name' | 'secretHash';
  jobs: 'state';
  jobTargets: 'jobId' | 'targetId' | 'outcome';
  strays: 'providerId' | 'kind';
}

/** Equality on indexed fields, numbers as text; a list of values means any of them, null that the field is not there. */
export type Where<K extends Kind> = { readonly [F in Indexed[K]]?: string | readonly string[] | null };

export interface PageQuery<K extends Kind> {
  readonly where?: Where<K>;
  readonly pageSize: number;
  readonly pageToken?: string;
  readonly orderBy?: 'createdAt' | 'name';
  readonly descending?: boolean;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string;
}

/** What is known of an object without reading it whole. */
export type Head<K extends Kind> = Pick<Kinds[K], 'id' | 'name' | (Indexed[K] & keyof Kinds[K])>;

export interface Collection<K extends Kind> {
  get(id: string): Promise<Kinds[K] | undefined>;
  find(where: Where<K>): Promise<Kinds[K][]>;
  /** Of what `find` answers, and cheaper: the bodies are not read. */
  heads(where: Where<K>): Promise<Head<K>[]>;
  /** Of what `find` answers, and far cheaper: the objects are not read. */
  ids(where: Where<K>): Promise<string[]>;
  /** Those of these ids that there are, in no order. */
  many(ids: readonly string[]): Promise<Kinds[K][]>;
  /** Id -> name of those that there are. */
  names(ids: readonly string[]): Promise<Map<string, string>>;
  count(where: Where<K>): Promise<number>;
  /** How many there are of each value of a field; those without it under ''. No object is read. */
  countBy(field: Indexed[K], where: Where<K>): Promise<Record<string, number>>;
  /** What their bodies take, outputs among them. */
  bytes(where: Where<K>): Promise<number>;
  page(query: PageQuery<K>): Promise<Page<Kinds[K]>>;
  /** Ids of at most `limit` objects that were last written before `updatedBefore`, in their order, behind `after`. */
  stale(where: Where<K>, updatedBefore: number, limit: number, after?: string): Promise<string[]>;
  /** At most `limit` objects whose id begins with `prefix`. */
  withPrefix(prefix: string, limit: number): Promise<Kinds[K][]>;
  /** At most `limit` names before `text` in the order of names, and as many from it on. No object is read. */
  namesAround(text: string, limit: number, where?: Where<K>): Promise<string[]>;
}

/** Fields that the store itself writes. */
export type Managed = 'revision' | 'createdAt' | 'updatedAt';
export type NewObject<T extends StoredObject> = Omit<T, Managed>;

export interface WritableCollection<K extends Kind> extends Collection<K> {
  insert(object: NewObject<Kinds[K]>): Promise<Kinds[K]>;
  /** Many rows in few statements. */
  insertAll(objects: readonly NewObject<Kinds[K]>[]): Promise<readonly Kinds[K][]>;
  /**
   * Writes the object when its revision is still the stored one.
   * @throws WombatError WO_CONFLICT when somebody else has written in between
   */
  update(object: Kinds[K]): Promise<Kinds[K]>;
  /**
   * Many rows in few statements.
   * @throws WombatError WO_CONFLICT when somebody else has written one of them in between: then none of the transaction is to be kept
   */
  updateAll(objects: readonly Kinds[K][]): Promise<readonly Kinds[K][]>;
  delete(id: string): Promise<boolean>;
}

export interface EventQuery {
  readonly afterSequence: number;
  readonly limit: number;
  /** The last of them instead of the first; in ascending order all the same. */
  readonly newest?: boolean;
  readonly operationId?: string;
  readonly familyId?: string;
  readonly hostId?: string;
  readonly nodeId?: string;
  readonly typePrefix?: string;
}

export interface EventLog {
  list(query: EventQuery): Promise<Event[]>;
  /** 0 when there is none. */
  lastSequence(): Promise<number>;
  /** 0 when none was ever dropped. */
  oldestKept(): Promise<number>;
}

/** What a request with an id has done. */
export interface RequestRecord {
  /** sha256 over who asks, the method and the request id. */
  readonly key: string;
  /** sha256 of the whole request. */
  readonly requestHash: string;
  readonly expiresAt: number;
  /** Sealed: what its changes answered, until the answer itself is there. */
  readonly results?: string;
  /** Sealed: what the caller was answered. */
  readonly answer?: string;
}

export interface RequestLog {
  get(key: string): Promise<RequestRecord | undefined>;
}

export type Reader = { readonly [K in Kind]: Collection<K> } & { readonly events: EventLog; readonly meta: Meta; readonly requests: RequestLog };

export interface Meta {
  get(key: string): Promise<string | undefined>;
}

export type Transaction = { readonly [K in Kind]: WritableCollection<K> } & {
  readonly events: EventLog & {
    append(...events: readonly NewEvent[]): Promise<void>;
    /** Drops at most `limit` of the oldest events up to this sequence number. Answers how many. */
    drop(upToSequence: number, limit: number): Promise<number>;
  };
  /** Next number of a named counter, from 1; `count` numbers are taken, the first is answered. */
  nextNumber(counter: string, count?: number): Promise<number>;
  readonly meta: Meta & { set(key: string, value: string): Promise<void> };
  readonly requests: RequestLog & {
    /** Writes the record in place of an older one. */
    put(record: RequestRecord): Promise<void>;
    /** Drops at most `limit` records that have expired by `now`. Answers how many. */
    dropExpired(now: number, limit: number): Promise<number>;
  };
};

/** What a committed transaction has written. */
export interface Change {
  readonly kind: Kind;
  readonly id: string;
  readonly object: StoredObject | undefined;
}

/** What a transaction is refused with while nothing can be written: whoever can wait tries it again, and nobody is to blame. */
export const storeWaits: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['WO_STORE_FULL', 'WO_STORE_BUSY', 'WO_STORE_READ_ONLY', 'WO_STORE_UNAVAILABLE']);

export interface Commit {
  readonly changes: readonly Change[];
  readonly events: readonly Event[];
}

/**
 * All state is in here. Inside a transaction only store calls are awaited: anything else there
 * would stall the one connection that writes. A transaction in which a name was taken is not kept, also when
 * its work went on. A text with a NUL character is refused, written or asked for: PostgreSQL has no such texts.
 */
export interface Store {
  readonly read: Reader;
  /** @throws WombatError WO_STORE_UNAVAILABLE while the database does not answer: then it is not known whether the work was kept */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** Called after each commit, in order, never before the transaction's promise could resolve. */
  onCommit(listener: (commit: Commit) => void): () => void;
  close(): Promise<void>;
}
