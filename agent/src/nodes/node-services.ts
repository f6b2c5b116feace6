import type { Logger } from 'pino';
import type { Clock } from '@wombat/proto';
import type { NodeStatus } from '@wombat/proto/agent';
import type { Epmd } from '../erlang/epmd.js';
import type { MemoryGroups } from '../processes/memory-group.js';
import type { Runner } from '../processes/runner.js';
import type { ReleaseStore } from '../releases/release-store.js';
import type { NodeJournal } from './node-journal.js';
import type { Slots } from './slots.js';

/** What all nodes of a host share. */
export interface NodeServices {
  /** The agent's own. */
  readonly directory: string;
  readonly hostId: string;
  /** Where programs are looked for. */
  readonly path: string;
  /** Of this boot of the machine. */
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly runner: Runner;
  readonly releases: ReleaseStore;
  readonly epmd: Epmd;
  readonly memoryGroups: MemoryGroups;
  readonly journal: NodeJournal;
  /** Bounds how many nodes start at once. */
  readonly starts: Slots;
  readonly onStatus: (status: NodeStatus) => void;
}
