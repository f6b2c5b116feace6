import type { Logger } from 'pino';
import type { Epmd } from './epmd.js';

const lookEveryMs = 5_000;

export interface EpmdUse {
  readonly port: number;
  /** A release's root that an epmd could be copied from. */
  readonly rootDirectory: string;
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
    this.#timer = setInterval(() => void this.look(), everyMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async look(): Promise<void> {
    const { epmd, log, uses } = this.#options;
    const roots = new Map(uses().map(({ port, rootDirectory }) => [port, rootDirectory]));
    for (const [port, rootDirectory] of roots) {
      await epmd.ensure(port, rootDirectory).catch((error: unknown) => log.warn({ err: error, port }, 'epmd does not answer and cannot be started'));
    }
  }
}
