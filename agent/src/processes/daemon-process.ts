import type { ExitStatus } from '@wombat/proto/agent';
import type { ExitPoller } from './exit-poller.js';
import { unknownExit } from './exit-status.js';
import { isAlive, readStat, type ProcessIdentity } from '@wombat/proto/processes';
import { findByEnvironment, sendSignal, sessionMembers } from './process-table.js';
import { startIdVariable } from './running-process.js';
import type { Supervised } from './supervised.js';

/** A node whose start command returned: watched by polling, and its exit status known to nobody. */
export class DaemonProcess implements Supervised {
  readonly startId: string;
  readonly child: ProcessIdentity;
  readonly exited: Promise<ExitStatus>;
  #exit: ExitStatus | undefined;
  /** Who belonged to it when it was last asked to end: its session tells nothing any more once it is gone. */
  #family: readonly ProcessIdentity[] = [];
  #resolve!: (exit: ExitStatus) => void;

  constructor(startId: string, child: ProcessIdentity, poller: ExitPoller) {
    this.startId = startId;
    this.child = child;
    this.exited = new Promise((resolve) => (this.#resolve = resolve));
    if (!this.#hasEnded()) poller.add(() => this.#hasEnded());
  }

  get exit(): ExitStatus | undefined {
    return this.#exit;
  }

  signal(name: NodeJS.Signals): void {
    const stat = readStat(this.child.pid);
    if (!stat || stat.startTime !== this.child.startTime) return;
    this.#remember();
    // A group of its own may be signalled as a whole; any other may hold strangers.
    sendSignal(stat.groupId === stat.pid ? -stat.pid : stat.pid, name);
  }

  killSession(): number {
    this.#remember();
    const targets = new Map([...this.#family, ...findByEnvironment(startIdVariable, this.startId)].filter(isAlive).map(({ pid, startTime }) => [pid, startTime]));
    for (const pid of targets.keys()) sendSignal(pid, 'SIGKILL');
    return targets.size;
  }

  clearStragglers(): number {
    return this.killSession();
  }

  #remember(): void {
    const stat = readStat(this.child.pid);
    if (!stat || stat.startTime !== this.child.startTime) return;
    const session = sessionMembers(stat.sessionId);
    // Where somebody else was first, it is the session of whatever started our process: not ours to end.
    const isOurs = session.every(({ startTime }) => Number(startTime) >= Number(this.child.startTime));
    this.#family = isOurs ? session : [this.child];
  }

  #hasEnded(): boolean {
    if (this.#exit) return true;
    if (isAlive(this.child)) return false;
    this.#exit = unknownExit;
    this.#resolve(unknownExit);
    return true;
  }
}
