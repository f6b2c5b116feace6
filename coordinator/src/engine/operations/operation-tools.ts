import type { Joins } from '../drain/drainable.js';
import type { PlacementTools } from '../place-nodes.js';

/** What every kind of operation is planned with. */
export interface OperationTools extends PlacementTools {
  readonly joins: Joins;
  /** The most nodes that one operation may deploy. */
  readonly maxNodesPerOperation: number;
  /** Revisions of a family that are kept beside those that nodes run. */
  readonly keepRevisions: number;
}
