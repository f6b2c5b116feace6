import type { Facts, Sample } from '@wombat/proto/agent';
import type { Reporter } from '../session/session-stream.js';
import type { Hardware } from './hardware.js';
import type { HardwareProbe } from './hardware-probe.js';
import { readHostFacts, type HostFactsOptions } from './host-facts.js';
import type { Sampler } from './sampler.js';

/** Facts and samples of this host. What comes at once is told at once; the hardware follows when it is known. */
export class HostReporter implements Reporter {
  readonly #options: HostFactsOptions;
  readonly #sampler: Sampler;
  readonly #probe: HardwareProbe;
  readonly #listeners = new Set<() => void>();
  #hardware: Hardware | undefined;

  constructor(options: HostFactsOptions, sampler: Sampler, probe: HardwareProbe) {
    this.#options = options;
    this.#sampler = sampler;
    this.#probe = probe;
    this.#hardware = probe.kept();
  }

  facts(): Facts {
    return readHostFacts(this.#options, this.#hardware);
  }

  sample(): Sample {
    return this.#sampler.sample();
  }

  onFactsChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Asks for what is not known since this boot; rejects only with the signal's reason. */
  async complete(signal: AbortSignal): Promise<void> {
    if (this.#hardware) return;
    this.#hardware = await this.#probe.ask(signal);
    if (this.#hardware) for (const listener of this.#listeners) listener();
  }
}
