import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { identifyProcess, isAlive, type ProcessIdentity } from '@wombat/plugin-sdk/processes';

export interface FoundProcess extends ProcessIdentity {
  readonly arguments: readonly string[];
}

/** Undefined: there is no such process, or it is dead and only waits to be collected. */
export function startTimeOf(pid: number): string | undefined {
  return identifyProcess(pid)?.startTime;
}

/** Sends the signal when the process still is the one that is meant. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The program's name as the kernel has it, at most 15 characters. */
export function programOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/**
 * Finds processes by the host id in their environment. Reading every process is dear, so those who ask
 * while it goes on share the next round: it begins after they asked.
 */
export class HostProcesses {
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<ReadonlyMap<string, readonly FoundProcess[]>> | undefined;

  /** Of the host's agent, its nodes, and what they started. */
  async find(hostId: string): Promise<readonly FoundProcess[]> {
    this.#next ??= this.#running.then(async () => {
      this.#next = undefined;
      const round = readAll();
      this.#running = round.catch(() => undefined);
      return await round;
    });
    return (await this.#next).get(hostId) ?? [];
  }
}

async function readAll(): Promise<ReadonlyMap<string, readonly FoundProcess[]>> {
  const byHost = new Map<string, FoundProcess[]>();
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const hostId = hostIdIn(await readOrEmpty(`/proc/${pid}/environ`));
    const startTime = hostId === undefined ? undefined : startTimeOf(pid);
    if (hostId === undefined || startTime === undefined) continue;
    const words = (await readOrEmpty(`/proc/${pid}/cmdline`)).split('\0').slice(0, -1);
    const found = byHost.get(hostId) ?? [];
    byHost.set(hostId, [...found, { pid, startTime, arguments: words }]);
  }
  return byHost;
}

function hostIdIn(environment: string): string | undefined {
  return /(?:^|\0)WOMBAT_HOST_ID=([^\0]*)/.exec(environment)?.[1];
}

/** Processes end, or belong to others, while they are read. */
async function readOrEmpty(path: string): Promise<string> {
  return await readFile(path, 'latin1').catch(() => '');
}
