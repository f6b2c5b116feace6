import type { Action, Member } from '@wombat/plugin-sdk';

/** How one attempt at an action ended. */
export interface Attempt {
  /** 0: as it should. */
  readonly exitCode: number;
  readonly output: string;
}

/** Nodes with software that forms clusters, on which the steps of a strategy are run. */
export interface Nodes {
  /** Another one that runs, and knows nobody. */
  start(): Promise<Member>;
  /** As an agent does it, once. */
  run(node: Member, action: Action): Promise<Attempt>;
  /** Whom the node itself sees in its cluster, itself included: Erlang names, or names where there are none. */
  seenBy(node: Member): Promise<readonly string[]>;
  /** Its process ends, whatever it was told before. */
  stop(node: Member): Promise<void>;
  close(): Promise<void>;
}

/** As a strategy calls it. */
export function nameOf({ erlangName, name }: Member): string {
  return erlangName || name;
}
