import type { JobOutput, JobTarget } from '@wombat/proto/control';
import { linesOf, prefixedLines } from '../../output/prefixed-lines.js';
import { sanitise } from '../../output/sanitise.js';
import type { Runtime } from '../../runtime.js';
import type { Colours } from '../../terminal/colours.js';
import type { OutputStream } from '../../terminal/io.js';
import { written } from '../../terminal/write.js';
import { failuresFirst, labelOf, lossesOf } from './outcomes.js';
import { ShownOutput } from './shown-output.js';

/** What ends within this time is shown together, in the order of names: a short job reads the same each time. */
const gatherMs = 50;
const gatheredBytes = 1024 * 1024;
const widestLabel = 40;

export interface TargetLinesOptions {
  readonly runtime: Runtime;
  /** Ends the wait for whoever reads. */
  readonly signal: AbortSignal;
  /** Makes room on the terminal. */
  readonly beforeWriting: () => void;
}

/** "name | line" of each target, as it comes where that is told and else when it ends: its output on stdout, its error output on stderr. */
export class TargetLines {
  readonly #options: TargetLinesOptions;
  #gathered: JobTarget[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing = Promise.resolve();
  #width = 0;
  readonly #shown = new ShownOutput();

  constructor(options: TargetLinesOptions) {
    this.#options = options;
  }

  /** Of a command that still runs. Resolves when there is room for more. */
  wrote(output: JobOutput): Promise<void> {
    const lines = this.#shown.take(output);
    if (lines.length === 0) return Promise.resolve();
    const { io, print } = this.#options.runtime;
    const label = sanitise(labelOf(output));
    this.#writing = this.#writing.then(() => {
      this.#makeRoom([label]);
      return output.stderr ? this.#stream(io.stderr, print.err, label, lines) : this.#stream(io.stdout, print.out, label, lines);
    });
    return this.#writing;
  }

  /** Resolves when there is room for more. */
  async ended(whole: JobTarget): Promise<void> {
    const target = this.#shown.rest(whole);
    this.#gathered.push(target);
    this.#bytes += target.stdout.length + target.stderr.length;
    if (this.#bytes > gatheredBytes) return this.flush();
    this.#timer ??= setTimeout(() => void this.flush(), gatherMs);
  }

  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const targets = failuresFirst(this.#gathered);
    this.#gathered = [];
    this.#bytes = 0;
    this.#writing = this.#writing.then(() => this.write(targets));
    return this.#writing;
  }

  /** These, in this order. */
  async write(targets: readonly JobTarget[]): Promise<void> {
    const { io, print } = this.#options.runtime;
    const telling = targets.filter((target) => target.stdout.length + target.stderr.length > 0 || lossesOf(target).length > 0);
    if (telling.length === 0) return;
    const labels = telling.map((target) => sanitise(labelOf(target)));
    for (const target of telling) {
      this.#makeRoom(labels);
      const label = sanitise(labelOf(target));
      await this.#stream(io.stdout, print.out, label, target.stdout);
      await this.#stream(io.stderr, print.err, label, target.stderr);
      for (const lost of lossesOf(target)) print.warn(`${label}: ${lost}`);
    }
  }

  #makeRoom(labels: readonly string[]): void {
    this.#width = Math.max(this.#width, ...labels.map((label) => Math.min(widestLabel, label.length)));
    this.#options.beforeWriting();
  }

  async #stream(out: OutputStream, colours: Colours, label: string, data: Uint8Array): Promise<void> {
    const prefix = `${colours.cyan(label.padEnd(this.#width))} | `;
    await written(out, prefixedLines(out.isTTY === true, prefix, linesOf(data)), this.#options.signal);
  }
}
