import type { Generated } from 'kysely';
import type { Indexed, Kind } from '../store.js';

/**
 * Every kind of object has a table of one shape: what all objects have, its indexed fields as
 * columns, and all else as JSON in `body`.
 */
export interface TableDefinition {
  readonly table: string;
  readonly indexed: readonly string[];
  /** Of the indexed fields those that are numbers; their columns hold text, as all of them do. */
  readonly numbers?: readonly string[];
  /** Columns that an object keeps as it was inserted: an update would write their indexes anew. */
  readonly fixed?: readonly string[];
  /** Two objects of this kind never bear one name. */
  readonly uniqueName: boolean;
}

type Definitions = { readonly [K in Kind]: TableDefinition & { readonly indexed: readonly Exclude<Indexed[K], 'name'>[] } };

export const tables: Definitions = {
  providers: { table: 'providers', indexed: ['driver'], uniqueName: true },
  releases: { table: 'releases', indexed: ['version', 'digest'], uniqueName: false },
  families: { table: 'families', indexed: [], uniqueName: true },
  familyRevisions: { table: 'family_revisions', indexed: ['familyId'], uniqueName: false },
  domains: { table: 'domains', indexed: ['familyId', 'providerId'], uniqueName: false },
  hosts: { table: 'hosts', indexed: ['providerId', 'phase', 'key'], uniqueName: true },
  nodes: {
    table: 'nodes', indexed: ['familyId', 'familyGeneration', 'releaseId', 'hostId', 'phase', 'operationId', 'desired'],
    numbers: ['familyGeneration'], uniqueName: true,
  },
  operations: { table: 'operations', indexed: ['familyId', 'state', 'kind'], uniqueName: false },
  joinTokens: { table: 'join_tokens', indexed: ['hostId'], uniqueName: false },
  hostCertificates: { table: 'host_certificates', indexed: ['hostId'], uniqueName: false },
  operatorTokens: { table: 'operator_tokens', indexed: ['secretHash'], uniqueName: true },
  jobs: { table: 'jobs', indexed: ['state'], uniqueName: false },
  jobTargets: { table: 'job_targets', indexed: ['jobId', 'targetId', 'outcome'], fixed: ['name', 'jobId', 'targetId'], uniqueName: false },
  strays: { table: 'strays', indexed: ['providerId', 'kind'], uniqueName: false },
};

export const kinds = Object.keys(tables) as readonly Kind[];

/** Columns beside these are the indexed fields of the kind. */
export type ObjectRow = Record<string, string | number | null>;

export interface EventRow {
  sequence: number;
  time: number;
  type: string;
  operation_id: string;
  family_id: string;
  host_id: string;
  node_id: string;
  body: string;
}

export interface RequestRow {
  key: string;
  request_hash: string;
  expires_at: number;
  results: string | null;
  answer: string | null;
}

/** What Kysely knows of the schema; object tables are addressed by their name at run time. */
export interface Schema {
  objects: ObjectRow;
  events: EventRow;
  counters: { name: string; value: number };
  meta: { key: string; value: string };
  requests: RequestRow;
  migrations: { version: Generated<number>; applied_at: number };
}

/** Asked for each field of each row. */
const columns = new Map<string, string>();

export function columnOf(field: string): string {
  const known = columns.get(field);
  if (known !== undefined) return known;
  const column = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  columns.set(field, column);
  return column;
}
