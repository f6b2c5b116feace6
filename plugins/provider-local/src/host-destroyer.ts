import { ProviderError, type Clock } from '@wombat/plugin-sdk';
import { isRunning } from './agent-starter.js';
import { findEpmd, stopEpmd } from './epmd.js';
import { removeTree } from './files.js';
import type { LocalPaths } from './host-directory.js';
import type { HostRecord, HostRecords } from './host-records.js';
import { isAlive, type ProcessIdentity } from '@wombat/plugin-sdk/processes';
import { signalProcess, type HostProcesses } from './processes.js';

export interface DestroyTimes {
  /** From TERM to KILL, for the agent. */
  readonly agentMs: number;
  /** From TERM to KILL, for its nodes. */
  readonly nodesMs: number;
}

export const destroyTimes: DestroyTimes = { agentMs: 5_000, nodesMs: 5_000 };

const pollMs = 25;
/** A killed process is gone when the kernel has taken it down. */
const killedMs = 5_000;
/** Nodes may start others while they are being ended. */
const rounds = 5;

export interface HostDestroyerOptions {
  readonly paths: LocalPaths;
  readonly records: HostRecords;
  readonly processes: HostProcesses;
  readonly clock: Clock;
  readonly times: DestroyTimes;
}

/** Ends all that a host consists of. Whoever calls holds the lock of the host. */
export class HostDestroyer {
  readonly #options: HostDestroyerOptions;

  constructor(options: HostDestroyerOptions) {
    this.#options = options;
  }

  /** Each part may be done already: a destroy that was interrupted is finished by the next. */
  async destroy(hostId: string): Promise<void> {
    const { records, paths, clock } = this.#options;
    const record = records.get(hostId);
    if (!record) return;
    // From here on the supervisor leaves it alone, also after a crash.
    await records.save({ ...record, desired: 'absent' });
    // The agent first: it would start its nodes again.
    await this.#endAgent(record);
    await this.#endOthers(hostId);
    await removeTree(paths.host(hostId));
    await records.remove(hostId);
    if (records.all().length === 0) await stopEpmd(paths.epmd, clock);
  }

  async #endAgent(record: HostRecord): Promise<void> {
    if (!isRunning(record)) return;
    await this.#end([{ pid: record.pid!, startTime: record.startTime! }], this.#options.times.agentMs);
  }

  async #endOthers(hostId: string): Promise<void> {
    const { paths, processes, times } = this.#options;
    for (let round = 0; round < rounds; round += 1) {
      // Whichever agent started epmd, it serves the other hosts too.
      const epmd = await findEpmd(paths.epmd);
      const found = (await processes.find(hostId)).filter(({ pid }) => pid !== epmd?.pid);
      if (found.length === 0) return;
      await this.#end(found, times.nodesMs);
    }
    throw ProviderError.unavailable(`processes of ${hostId} do not end`);
  }

  async #end(processes: readonly ProcessIdentity[], graceMs: number): Promise<void> {
    for (const each of processes) signalProcess(each, 'SIGTERM');
    if (await this.#haveEnded(processes, graceMs)) return;
    for (const each of processes) signalProcess(each, 'SIGKILL');
    await this.#haveEnded(processes, killedMs);
  }

  async #haveEnded(processes: readonly ProcessIdentity[], withinMs: number): Promise<boolean> {
    const { clock } = this.#options;
    const end = clock.monotonic() + withinMs;
    while (processes.some(isAlive)) {
      if (clock.monotonic() >= end) return false;
      await clock.sleep(pollMs);
    }
    return true;
  }
}
