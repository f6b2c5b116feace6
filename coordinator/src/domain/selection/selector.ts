/** A member of the family that a joining node may be sent to. */
export interface Candidate {
  readonly nodeId: string;
  /** When it became a member, milliseconds since 1970. */
  readonly memberSince: number;
}

/**
 * Chooses the contacts of a joining node. Pure, and stable: the same node gets the same contacts of the
 * same candidates, so that a retried join is the same join.
 */
export type Selector = <C extends Candidate>(joiningNodeId: string, candidates: readonly C[]) => readonly C[];
