import { readlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isLive, readStat } from '@wombat/proto/processes';
import { environmentValue, pidsSince, sendSignal, type PidMark } from './process-table.js';
import { startIdVariable } from './running-process.js';

/**
 * Many commands end at about the same time: one walk over the table of processes serves them all, once no other has ended
 * for so long. Most of what is young is gone by then, too, on a machine where others start processes.
 */
const quietMs = 200;
const longestQuietMs = 2_000;
/** Killed processes may have forked before they died. */
const againMs = 50;
const mostRounds = 100;
/** A host may have thousands of processes, and the agent has other things to do: a millisecond or two at a time. */
const pidsAtOnce = 50;

interface Ended {
  readonly startId: string;
  readonly outputFiles: readonly string[];
  readonly begunAt: PidMark | undefined;
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
  /** The first of those that wait for a walk has ended then. */
  #awaitedSinceMs: number | undefined;
  #sweeping: Promise<void> | undefined;
  #isClosed = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /**
   * To be called once a command has ended; returns at once. `outputFiles` are its own and nobody else's. With the mark from before
   * its start the processes that are older than that are passed over: to look at all of a host's thousand took 40 ms of CPU.
   */
  clear(startId: string, outputFiles: readonly string[], begunAt?: PidMark): void {
    this.#ended.set(startId, { startId, outputFiles, begunAt, roundsLeft: mostRounds });
    if (this.#sweeping) return;
    this.#awaitedSinceMs ??= performance.now();
    const leftMs = this.#awaitedSinceMs + longestQuietMs - performance.now();
    this.#sweepIn(Math.max(0, Math.min(quietMs, leftMs)));
  }

  /** When the agent ends: looks once more at once, and never again. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#sweeping;
    if (this.#ended.size > 0) await this.#sweep();
  }

  #sweepIn(ms: number): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#awaitedSinceMs = undefined;
      this.#sweeping = this.#sweep().finally(() => {
        this.#sweeping = undefined;
        if (this.#ended.size > 0) this.#sweepIn(againMs);
      });
    }, ms).unref();
  }

  /** Those that come meanwhile are looked for by the next one. */
  async #sweep(): Promise<void> {
    const wanted = new Map(this.#ended);
    const found = await this.#killAll(wanted);
    for (const ended of wanted.values()) {
      ended.roundsLeft--;
      if (!found.has(ended) || ended.roundsLeft === 0) this.#ended.delete(ended.startId);
    }
  }

  async #killAll(wanted: ReadonlyMap<string, Ended>): Promise<Set<Ended>> {
    const found = new Set<Ended>();
    const byOutput = new Map([...wanted.values()].flatMap((ended) => ended.outputFiles.map((file) => [file, ended] as const)));
    const begunAt = earliest([...wanted.values()].map((ended) => ended.begunAt));
    for (const [index, pid] of pidsSince(begunAt).entries()) {
      if (index % pidsAtOnce === pidsAtOnce - 1) await setImmediate();
      const ended = wanted.get(environmentValue(pid, startIdVariable) ?? '') ?? outputsOf(pid).map((file) => byOutput.get(file)).find(Boolean);
      if (!ended || !isLive(readStat(pid)) || !sendSignal(pid, 'SIGKILL')) continue;
      this.#log.info({ pid, startId: ended.startId }, 'ended a process that a command had left behind');
      found.add(ended);
    }
    return found;
  }
}

/** Undefined where one of them is not known. */
function earliest(marks: readonly (PidMark | undefined)[]): PidMark | undefined {
  const known = marks.filter((mark) => mark !== undefined);
  return known.length < marks.length ? undefined : known.sort((a, b) => a.atMs - b.atMs)[0];
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
