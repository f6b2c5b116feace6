import type { ExitStatus } from '@wombat/proto/agent';
import type { ExitPoller } from './exit-poller.js';
import { unknownExit } from './exit-status.js';
import { isAlive, readStat, type ProcessIdentity, type ProcessStat } from '@wombat/proto/processes';
import { findByEnvironment, sendSignal, sessionMembers } from './process-table.js';
import { startIdVariable } from './running-process.js';
import type { Supervised } from './supervised.js';

/** A node whose start command returned: watched by polling, and its exit status known to nobody. */
export class DaemonProcess implements Supervised {
  readonly startId: string;
  readonly child: ProcessIdentity;
  readonly exited: Promise<ExitStatus>;
  #exit: ExitStatus | undefined;
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
    // A group of its own may be signalled as a whole; any other may hold strangers.
    sendSignal(stat.groupId === stat.pid ? -stat.pid : stat.pid, name);
  }

  killSession(): number {
    const targets = this.#family();
    for (const { pid } of targets) sendSignal(pid, 'SIGKILL');
    return targets.length;
  }

  clearStragglers(): number {
    return this.killSession();
  }

  /** The session it leads, and whatever else still carries the start id. */
  #family(): ProcessStat[] {
    const stat = readStat(this.child.pid);
    const isOurs = stat?.startTime === this.child.startTime;
    const session = isOurs && stat.sessionId === stat.pid ? sessionMembers(stat.pid) : [];
    return [...(isOurs ? [stat] : []), ...session, ...findByEnvironment(startIdVariable, this.startId)];
  }

  #hasEnded(): boolean {
    if (this.#exit) return true;
    if (isAlive(this.child)) return false;
    this.#exit = unknownExit;
    this.#resolve(unknownExit);
    return true;
  }
}
