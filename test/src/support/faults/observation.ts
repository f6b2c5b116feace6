import { appendFileSync, readFileSync, rmSync } from 'node:fs';

/** A process that runs for a node, looked up in /proc. */
export interface SeenProcess {
  readonly nodeId: string;
  readonly pid: number;
  readonly startTime: string;
}

/** What the disk has of a release: a host's tree, or the root of a node. */
export interface SeenTree {
  /** The node whose root it is; '' for the tree of a host. */
  readonly nodeId: string;
  readonly path: string;
  /** Over paths, modes and contents of all that lies in it. */
  readonly digest: string;
}

/** Lines that a program of a node has left in its data directory. */
export interface SeenLines {
  readonly nodeId: string;
  /** `starts`: one for each start of the node; `runs`: the id of each command that was run. */
  readonly file: 'starts' | 'runs';
  readonly lines: readonly string[];
}

export interface SeenMachine {
  readonly machineId: string;
  readonly hostId: string;
  readonly key: string;
}

export interface SeenHost {
  readonly id: string;
  readonly phase: string;
  readonly machineId: string;
}

export interface SeenNode {
  readonly id: string;
  readonly hostId: string;
  readonly phase: string;
  readonly pid: number;
}

export interface SeenOperation {
  readonly id: string;
  readonly state: string;
  readonly isFinished: boolean;
}

export interface SeenTarget {
  readonly jobId: string;
  readonly nodeId: string;
  readonly outcome: string;
  readonly stdout: string;
}

/** What an agent's journal says of a node: the start that it believes to be under way. */
export interface SeenJournal {
  readonly hostId: string;
  readonly nodeId: string;
  readonly isRunning: boolean;
}

/** All that was seen at one moment: past the coordinator first, then what it says itself. */
export interface Look {
  readonly kind: 'look';
  readonly moment: string;
  readonly processes: readonly SeenProcess[];
  readonly agents: readonly { readonly hostId: string; readonly pid: number }[];
  readonly machines: readonly SeenMachine[];
  readonly trees: readonly SeenTree[];
  readonly lines: readonly SeenLines[];
  readonly journals: readonly SeenJournal[];
  /** Left out while no coordinator serves. */
  readonly told?: { readonly hosts: readonly SeenHost[]; readonly nodes: readonly SeenNode[]; readonly operations: readonly SeenOperation[]; readonly targets: readonly SeenTarget[] };
}

export interface SeenEvent {
  readonly kind: 'event';
  readonly sequence: number;
  readonly time: string;
  readonly type: string;
  readonly hostId: string;
  readonly nodeId: string;
  readonly reason: string;
  readonly message: string;
  /** sha256 of the public key that an enrolment has given an identity to; empty for other events. */
  readonly key: string;
}

export type Observation =
  | Look
  | SeenEvent
  /** What was done to the system by the test. */
  | { readonly kind: 'fault'; readonly what: string }
  /** From here on processes of these nodes may be started and stopped: somebody has asked for it. */
  | { readonly kind: 'instruction'; readonly what: string; readonly nodeIds: readonly string[] }
  /** How long something took that has a bound. */
  | { readonly kind: 'time'; readonly what: string; readonly ms: number; readonly atMostMs: number }
  /** A secret where none may be. */
  | { readonly kind: 'leak'; readonly where: string }
  /** A file where nobody may write. */
  | { readonly kind: 'stray'; readonly path: string };

/** All that was seen in one run, also as lines of JSON in a file that can be judged again. */
export class Observations {
  readonly #file: string;
  #all: Observation[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  get all(): readonly Observation[] {
    return this.#all;
  }

  add(...observations: readonly Observation[]): void {
    this.#all.push(...observations);
    const at = new Date().toISOString();
    appendFileSync(this.#file, observations.map((each) => `${JSON.stringify({ at, ...each })}\n`).join(''));
  }

  /** For the next run. */
  clear(): void {
    this.#all = [];
    rmSync(this.#file, { force: true });
  }

  /** The lines of JSON. */
  text(): string {
    return this.#all.length === 0 ? '' : readFileSync(this.#file, 'utf8');
  }
}
