import type { Logger } from 'pino';
import type { Epmd, EpmdSource } from './epmd.js';

const lookEveryMs = 5_000;

export interface EpmdUse extends EpmdSource {
  readonly port: number;
}

export interface EpmdKeeperOptions {
  readonly epmd: Epmd;
  readonly log: Logger;
  /** Of the Erlang nodes that run. */
  readonly uses: () => readonly EpmdUse[];
}

/** Starts an epmd again that died under running nodes: they register with the new one by themselves. */
export class EpmdKeeper {
  readonly #options: EpmdKeeperOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: EpmdKeeperOptions) {
    this.#options = options;
  }

  start(everyMs = lookEveryMs): void {
    this.#timer ??= setInterval(() => void this.look(), everyMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async look(): Promise<void> {
    const { epmd, log, uses } = this.#options;
    const sources = new Map(uses().map((use) => [use.port, use]));
    for (const [port, source] of sources) {
      await epmd.ensure(port, source).catch((error: unknown) => log.warn({ err: error, port }, 'epmd does not answer and cannot be started'));
    }
  }
}
