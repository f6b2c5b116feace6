import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@wombat/proto';
import type { Logger } from 'pino';
import { stderrLog, stdoutLog, type NodePaths } from '../nodes/node-paths.js';
import { LogFile, defaultLogLimits, type LogLimits } from './log-file.js';

const rotateEveryMs = 5_000;
const keepRemovedMs = 24 * 3600_000;

export interface LogKeeperOptions {
  /** The agent's own. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly nodes: () => readonly { readonly paths: NodePaths }[];
  readonly limits?: LogLimits;
}

/** Keeps logs bounded, and those of removed nodes for a day. */
export class LogKeeper {
  readonly #options: LogKeeperOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LogKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.rotate(), rotateEveryMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  rotate(): void {
    const { nodes, limits = defaultLogLimits, log } = this.#options;
    for (const { paths } of nodes()) {
      for (const file of [stdoutLog(paths), stderrLog(paths)]) {
        try {
          new LogFile(file, limits).rotateIfNeeded();
        } catch (error) {
          log.warn({ err: error, file }, 'cannot rotate a log');
        }
      }
    }
  }

  async pruneRemoved(): Promise<void> {
    const directory = join(this.#options.directory, 'removed-logs');
    for (const name of await readdir(directory).catch(() => [] as string[])) {
      const folder = join(directory, name);
      // Renaming a directory leaves its times alone; the status change is the removal.
      if ((await stat(folder)).ctimeMs < this.#options.clock.now() - keepRemovedMs) await rm(folder, { recursive: true, force: true });
    }
  }
}
