import type { ExitStatus } from '@wombat/proto/agent';
import type { ExitPoller } from './exit-poller.js';
import { unknownExit } from './exit-status.js';
import { readExit, readSessionIdentity, type SessionIdentity } from './process-record.js';
import type { Supervised } from './supervised.js';
import { isAlive, readStat, type ProcessIdentity, type ProcessStat } from '@wombat/proto/processes';
import { environmentHolds, sendSignal, sessionMembers } from './process-table.js';

export const startIdVariable = 'WOMBAT_START_ID';
/** Every so many polls the start time is compared too, not only whether the number is in use. */
const thoroughEvery = 5;

export interface RunningProcessOptions {
  readonly startId: string;
  /** The shim writes PREFIX.pid and PREFIX.exit. */
  readonly recordPrefix: string;
  readonly poller: ExitPoller;
  /** The leader of the session, if it is known. */
  readonly shimPid?: number;
  /** Set when it has ended already. */
  readonly exit?: ExitStatus;
}

/**
 * One session that the runner started: the shim, its child, and what that started. Its end is heard
 * from the shim's `exit` event by the agent that started it, and polled for by a later one.
 */
export class RunningProcess implements Supervised {
  readonly startId: string;
  readonly exited: Promise<ExitStatus>;
  readonly #recordPrefix: string;
  readonly #poller: ExitPoller;
  readonly #shimPid: number | undefined;
  #resolve!: (exit: ExitStatus) => void;
  #exit: ExitStatus | undefined;
  #identity: SessionIdentity | undefined;
  #polls = 0;

  constructor({ startId, recordPrefix, poller, shimPid, exit }: RunningProcessOptions) {
    this.startId = startId;
    this.#recordPrefix = recordPrefix;
    this.#poller = poller;
    this.#shimPid = shimPid;
    this.exited = new Promise((resolve) => (this.#resolve = resolve));
    if (exit) this.#settle(exit);
  }

  /** How it ended; undefined while it runs. */
  get exit(): ExitStatus | undefined {
    return this.#exit;
  }

  /** The child; undefined for the first milliseconds of its life. */
  get child(): ProcessIdentity | undefined {
    return this.identity?.child;
  }

  get identity(): SessionIdentity | undefined {
    this.#identity ??= readSessionIdentity(this.#recordPrefix);
    return this.#identity;
  }

  /** Session id, which is the shim's pid. */
  get sessionId(): number | undefined {
    return this.#shimPid ?? this.identity?.shim.pid;
  }

  /** The shim ended, and its parent was told how. */
  onShimExit(exit: ExitStatus): void {
    const written = readExit(this.#recordPrefix);
    if (written) return this.#settle(written);
    const child = this.child;
    // Somebody killed the shim alone: the child runs on, and its status will be known to nobody.
    if (child && isAlive(child)) return this.watchByPolling();
    // The shim ends with the status of its child, so this is what a full disk kept out of the file.
    this.#settle(exit.kind?.$case === 'code' ? exit : unknownExit);
  }

  /** For a process that an earlier agent started. */
  watchByPolling(): void {
    if (!this.#hasEnded()) this.#poller.add(() => this.#hasEnded());
  }

  /** To the whole process group; the shim lives through TERM. */
  signal(name: NodeJS.Signals): void {
    const sessionId = this.sessionId;
    if (sessionId !== undefined && this.#exit === undefined && this.#isSessionOurs()) sendSignal(-sessionId, name);
  }

  /**
   * KILL to all of the session but the shim, which lives to write how its child ended, and is
   * killed too when `shim` says so. Answers how many there were.
   */
  killSession(options: { readonly shim: boolean } = { shim: false }): number {
    const targets = this.#members().filter((member) => options.shim || member.pid !== this.sessionId);
    for (const { pid } of targets) sendSignal(pid, 'SIGKILL');
    return targets.length;
  }

  /** After its end: kills what outlived the leader of the session. Answers how many there were. */
  clearStragglers(options: { readonly otherGroups: boolean } = { otherGroups: false }): number {
    const sessionId = this.sessionId;
    // A group that nobody is left of is the usual case, and cheap to see.
    if (sessionId === undefined || (!options.otherGroups && !sendSignal(-sessionId, 0))) return 0;
    const members = this.#members().filter(({ pid }) => environmentHolds(pid, startIdVariable, this.startId));
    for (const { pid } of members) sendSignal(pid, 'SIGKILL');
    return members.length;
  }

  #members(): ProcessStat[] {
    return this.sessionId === undefined ? [] : sessionMembers(this.sessionId);
  }

  /** A number can be used again only after the whole session is gone. */
  #isSessionOurs(): boolean {
    const identity = this.identity;
    if (!identity) return this.#shimPid !== undefined;
    return isAlive(identity.shim) || isAlive(identity.child);
  }

  #hasEnded(): boolean {
    const identity = this.identity;
    const isThorough = this.#polls++ % thoroughEvery === 0;
    if (identity && !isThorough && sendSignal(identity.child.pid, 0)) return false;
    if (identity && isAlive(identity.child)) return false;
    const written = readExit(this.#recordPrefix);
    if (written) this.#settle(written);
    else if (!this.#isShimAlive(identity)) this.#settle(unknownExit);
    return this.#exit !== undefined;
  }

  #isShimAlive(identity: SessionIdentity | undefined): boolean {
    if (identity) return isAlive(identity.shim);
    const stat = this.#shimPid === undefined ? undefined : readStat(this.#shimPid);
    return stat !== undefined && stat.state !== 'Z' && environmentHolds(stat.pid, startIdVariable, this.startId);
  }

  #settle(exit: ExitStatus): void {
    if (this.#exit !== undefined) return;
    this.#exit = exit;
    this.#resolve(exit);
  }
}
