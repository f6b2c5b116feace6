import { readdir, stat } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { limits as bounds, type Clock } from '@wombat/proto';
import type { Logger } from 'pino';
import { removeUnfollowed } from '../accounts/remove-unfollowed.js';
import { nodePaths, type NodePaths } from '../nodes/node-paths.js';
import { canFreeBytes } from './free-space.js';
import { defaultLogLimits, type LogLimits } from './log-file.js';
import { NodeLogs } from './node-logs.js';
import { indexStepMs } from './time-index.js';

/** A look must not take more than a part of the time: after one of 50 ms the next comes a second later. */
const restFactor = 20;

export interface LoggedNode {
  readonly nodeId: string;
  readonly paths: NodePaths;
  /** Globs of the release's own log files. */
  readonly logFiles: readonly string[];
}

export interface LogKeeperOptions {
  /** The agent's own. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Those that are on this host. */
  readonly nodes: () => readonly LoggedNode[];
  readonly limits?: LogLimits;
}

/** Keeps logs bounded, knows when they grew, and keeps those of removed nodes for a day. */
export class LogKeeper {
  readonly #options: LogKeeperOptions;
  readonly #logs = new Map<string, NodeLogs>();
  #stop: AbortController | undefined;
  #canFree: boolean | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: LogKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#stop) return;
    this.#stop = new AbortController();
    this.#looking = this.#lookOnAndOn(this.#looking, this.#stop.signal);
  }

  stop(): void {
    this.#stop?.abort();
    this.#stop = undefined;
  }

  /** Resolves when a look that was under way at the stop is over. */
  idle(): Promise<void> {
    return this.#looking;
  }

  /** Of a node of this host, also of one removed less than a day ago. */
  logsOf(nodeId: string): { readonly logs: NodeLogs; readonly isRemoved: boolean } | undefined {
    const paths = nodePaths(this.#options.directory, nodeId);
    if (existsSync(paths.logs)) return { logs: this.#present(nodeId, paths), isRemoved: false };
    this.#logs.delete(nodeId);
    return existsSync(paths.removedLogs) ? { logs: NodeLogs.removed(paths), isRemoved: true } : undefined;
  }

  /** Looks at all logs once. */
  async look(): Promise<void> {
    const { nodes, clock, log, directory } = this.#options;
    this.#canFree ??= await canFreeBytes(directory);
    const present = nodes();
    const presentIds = new Set(present.map(({ nodeId }) => nodeId));
    for (const nodeId of this.#logs.keys()) if (!presentIds.has(nodeId)) this.#logs.delete(nodeId);
    for (const { nodeId, paths, logFiles } of present) {
      try {
        if (!existsSync(paths.logs)) continue;
        const logs = this.#present(nodeId, paths);
        logs.look(clock.now(), logFiles);
        await logs.bound(this.#canFree);
      } catch (error) {
        log.warn({ err: error, nodeId }, 'cannot look after the logs of a node');
      }
    }
  }

  async pruneRemoved(): Promise<void> {
    const directory = join(this.#options.directory, 'removed-logs');
    for (const name of await readdir(directory).catch(() => [] as string[])) {
      const folder = join(directory, name);
      // Renaming a directory leaves its times alone; the status change is the removal.
      if ((await stat(folder)).ctimeMs < this.#options.clock.now() - bounds.removedLogsMs) removeUnfollowed(folder);
    }
  }

  #present(nodeId: string, paths: NodePaths): NodeLogs {
    const known = this.#logs.get(nodeId) ?? NodeLogs.of(paths, this.#options.limits ?? defaultLogLimits);
    this.#logs.set(nodeId, known);
    return known;
  }

  async #lookOnAndOn(before: Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    await before;
    while (!signal.aborted) {
      const startedAtMs = clock.monotonic();
      await this.look().catch((error: unknown) => this.#options.log.warn({ err: error }, 'cannot look after logs'));
      const tookMs = clock.monotonic() - startedAtMs;
      await clock.sleep(Math.max(indexStepMs, restFactor * tookMs), signal).catch(() => undefined);
    }
  }
}
