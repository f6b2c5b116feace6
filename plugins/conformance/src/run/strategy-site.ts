import { ProgramSession } from '@wombat/plugin-sdk/host';
import { fromServiceError } from '@wombat/proto';
import type { Bounds } from '../bounds.js';
import { RunningProgram } from './running-program.js';

export interface StrategySiteOptions {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  readonly bounds: Bounds;
  /** Lines that the program prints. */
  readonly print: (line: string) => void;
}

/** Where the strategy's program runs, one process at a time. */
export class StrategySite {
  readonly #options: StrategySiteOptions;
  #current: RunningProgram | undefined;

  constructor(options: StrategySiteOptions) {
    this.#options = options;
  }

  /** The process that runs; started when there is none. */
  async program(): Promise<RunningProgram> {
    return this.#current ?? (await this.start());
  }

  /** Another process in place of the one that runs. */
  async start(): Promise<RunningProgram> {
    await this.end();
    const { command, environment, workingDirectory, bounds, print } = this.#options;
    const startedAt = performance.now();
    const session = await ProgramSession.open({
      command, environment, workingDirectory, log: { debug: print, info: print, warn: print, error: print },
      times: { handshakeMs: bounds.callMs, healthMs: bounds.callMs, closeMs: bounds.stopMs, termMs: 1_000 },
    });
    const program = new RunningProgram({ session, startedInMs: performance.now() - startedAt, callMs: bounds.answerMs, hear: () => undefined, toError: fromServiceError });
    this.#current = program;
    void session.exited.then(() => {
      if (this.#current === program) this.#current = undefined;
    });
    return program;
  }

  /** As the coordinator ends it; undefined when none runs. */
  async end(): Promise<Awaited<ReturnType<RunningProgram['end']>> | undefined> {
    const ending = this.#current;
    this.#current = undefined;
    return await ending?.end();
  }
}
