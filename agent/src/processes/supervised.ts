import type { ExitStatus } from '@wombat/proto/agent';
import type { ProcessIdentity } from '@wombat/proto/processes';

/** A process that can be watched and ended, whoever its parent is. */
export interface Supervised {
  readonly startId: string;
  /** How it ended; undefined while it runs. */
  readonly exit: ExitStatus | undefined;
  readonly exited: Promise<ExitStatus>;
  /** Undefined for the first milliseconds of its life. */
  readonly child: ProcessIdentity | undefined;
  /** To its process group. */
  signal(name: NodeJS.Signals): void;
  /** KILL to the whole session. */
  killSession(options: { readonly shim: boolean }): number;
  /** After its end: kills what it left in its group, or in its whole session. Answers how many there were. */
  clearStragglers(options?: { readonly otherGroups: boolean }): number;
}
