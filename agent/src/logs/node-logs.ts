import { existsSync } from 'node:fs';
import type { NodePaths } from '../nodes/node-paths.js';
import { stderrLog, stdoutLog } from '../nodes/node-paths.js';
import { defaultLogLimits, LogFile, type LogLimits } from './log-file.js';
import { endOf, type LogSegment } from './log-segment.js';
import { OwnFiles } from './own-files.js';
import { TimeIndex } from './time-index.js';

/** One log of a node, as it is read. */
export interface LogSource {
  /** "stdout", "stderr", or the name of a file. */
  readonly name: string;
  readonly modifiedMs: number;
  segments(): readonly LogSegment[];
  /** Whatever was written since then lies at or after it; undefined: nobody knows. */
  offsetAt(timeMs: number): number | undefined;
}

interface Stream extends LogSource {
  readonly file: LogFile;
  readonly index: TimeIndex;
}

/** Readers ask for a new look; one this young will do. */
const freshMs = 150;

/** The logs of one node: its two streams, and the files that it writes by itself. */
export class NodeLogs {
  readonly #directory: string;
  readonly #streams: readonly Stream[];
  readonly #own: OwnFiles;
  #lookedAtMs = -Infinity;

  /** Of a node that is there. */
  static of(paths: NodePaths, limits?: LogLimits): NodeLogs {
    return new NodeLogs(paths, paths.logs, limits);
  }

  /** Of one that was removed. */
  static removed(paths: NodePaths): NodeLogs {
    return new NodeLogs({ ...paths, logs: paths.removedLogs }, paths.removedLogs);
  }

  private constructor(paths: NodePaths, directory: string, limits?: LogLimits) {
    this.#directory = directory;
    this.#streams = [streamOf('stdout', stdoutLog(paths), limits), streamOf('stderr', stderrLog(paths), limits)];
    this.#own = new OwnFiles(directory, { root: paths.root, data: paths.data });
  }

  get exists(): boolean {
    return existsSync(this.#directory);
  }

  get omittedFiles(): number {
    return this.#own.omitted;
  }

  sources(): LogSource[] {
    const own = this.#own.logs.map((log) => ({
      name: log.name,
      modifiedMs: log.parts.at(-1)?.modifiedMs ?? 0,
      segments: () => this.#own.segments(log),
      offsetAt: (timeMs: number) => this.#own.index(log.key).offsetAt(timeMs),
    }));
    return [...this.#streams, ...own];
  }

  /** Notes how far each log has come, and what has become of the node's own files. */
  look(nowMs: number, globs?: readonly string[]): void {
    if (!this.exists) return;
    this.#lookedAtMs = nowMs;
    for (const { file, index } of this.#streams) index.note(nowMs, endOf(file.segments()));
    this.#own.look(nowMs, globs);
  }

  /** The same, unless that was just done. */
  refresh(nowMs: number): void {
    if (Math.abs(nowMs - this.#lookedAtMs) >= freshMs) this.look(nowMs);
  }

  /** Keeps the streams within their bound. */
  async bound(canFree: boolean): Promise<void> {
    for (const { file } of this.#streams) {
      if (canFree) await file.freeIfNeeded();
      else file.rotateIfNeeded();
    }
  }

  /** Before the node's directories go. */
  preserve(nowMs: number, keepData: boolean): void {
    this.look(nowMs);
    this.#own.preserve(nowMs, { keptBytes: defaultLogLimits.fileBytes * defaultLogLimits.files, keepData });
  }
}

function streamOf(name: string, path: string, limits?: LogLimits): Stream {
  const file = new LogFile(path, limits);
  const index = new TimeIndex(`${path}.times`);
  return {
    name, file, index,
    get modifiedMs() {
      return file.modifiedMs;
    },
    segments: () => file.segments(),
    offsetAt: (timeMs) => index.offsetAt(timeMs),
  };
}
