import { readlinkSync } from 'node:fs';
import type { Logger } from 'pino';
import { isLive, readStat } from '@wombat/proto/processes';
import { everyPid, environmentValue, sendSignal } from './process-table.js';
import { startIdVariable } from './running-process.js';

/** Many commands end at about the same time: one walk over the table of processes serves them all. */
const gatherMs = 200;
/** Killed processes may have forked before they died. */
const againMs = 50;
const mostRounds = 100;

interface Ended {
  readonly startId: string;
  readonly outputFiles: readonly string[];
  roundsLeft: number;
}

/**
 * Ends what commands left behind when they ended, wherever it has gone: also what made a session of its own and has
 * another parent now. A process is known by the start id that it has inherited, or by the files that its output goes to.
 */
export class LeftBehind {
  readonly #log: Logger;
  readonly #ended = new Map<string, Ended>();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** To be called once a command has ended; returns at once. `outputFiles` are its own and nobody else's. */
  clear(startId: string, outputFiles: readonly string[]): void {
    this.#ended.set(startId, { startId, outputFiles, roundsLeft: mostRounds });
    this.#timer ??= setTimeout(() => this.#sweep(), gatherMs).unref();
  }

  /** The agent ends: what was to be looked for is looked for now. */
  close(): void {
    if (this.#timer) this.#sweep();
    clearTimeout(this.#timer);
  }

  #sweep(): void {
    this.#timer = undefined;
    const found = this.#killAll();
    for (const ended of [...this.#ended.values()]) {
      ended.roundsLeft--;
      if (!found.has(ended) || ended.roundsLeft === 0) this.#ended.delete(ended.startId);
    }
    if (this.#ended.size > 0) this.#timer = setTimeout(() => this.#sweep(), againMs).unref();
  }

  #killAll(): Set<Ended> {
    const found = new Set<Ended>();
    const byOutput = new Map([...this.#ended.values()].flatMap((ended) => ended.outputFiles.map((file) => [file, ended] as const)));
    for (const pid of everyPid()) {
      const ended = this.#ended.get(environmentValue(pid, startIdVariable) ?? '') ?? outputsOf(pid).map((file) => byOutput.get(file)).find(Boolean);
      if (!ended || !isLive(readStat(pid)) || !sendSignal(pid, 'SIGKILL')) continue;
      this.#log.info({ pid, startId: ended.startId }, 'ended a process that a command had left behind');
      found.add(ended);
    }
    return found;
  }
}

function outputsOf(pid: number): string[] {
  return [1, 2].flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${descriptor}`)];
    } catch {
      return [];
    }
  });
}
